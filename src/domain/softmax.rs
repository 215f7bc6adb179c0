//! Multinomial logistic regression: which of a few classes does a feature vector belong to, and how surely?
//!
//! Fitted once from a few hundred to a few thousand labelled rows; predicting is one small matrix product. Deterministic:
//! the same rows give the same weights. (Bishop, *Pattern Recognition and Machine Learning*, section 4.3.4; fitted by
//! Nesterov's accelerated gradient descent.)

use ndarray::{Array1, Array2, ArrayView1, Axis};
use serde::{Deserialize, Serialize};

/// The most steps of one fit; it converges in far fewer for the amounts of data met here.
const MAX_STEPS: usize = 400;
/// The fit has converged when no weight's gradient is larger than this.
const TOLERANCE: f32 = 1e-5;

/// How features are brought to one scale before the fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// Subtract the mean: right for embeddings, whose dimensions have one scale.
    Centre,
    /// Subtract the mean and divide by the standard deviation: right for measures of different kinds.
    Standardise,
}

/// A fitted classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Softmax {
    classes: Vec<String>,
    /// Subtracted from every feature.
    mean: Vec<f32>,
    /// Multiplied into every centred feature.
    scale: Vec<f32>,
    /// One row a class: a weight a feature.
    weights: Vec<Vec<f32>>,
    /// One a class.
    bias: Vec<f32>,
}

/// How a fit is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitRules {
    /// How features are brought to one scale.
    pub scaling: Scaling,
    /// How rows of different classes count.
    pub balance: Balance,
    /// Strength of the penalty on the weights relative to the mean loss, such as `1e-4`.
    pub l2: f32,
}

/// How rows of different classes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Each class the same, however many rows it has: when the rows say nothing about how frequent classes are.
    Classes,
    /// Each row the same: frequent classes are more likely.
    Rows,
}

impl Softmax {
    /// Fits rows of equal length with one label each (an index into `classes`).
    pub fn fit(rows: &[&[f32]], labels: &[usize], classes: &[&str], rules: FitRules) -> Self {
        let FitRules { scaling, balance, l2 } = rules;
        let dimension = rows.first().map_or(0, |row| row.len());
        let (mean, scale) = moments(rows, dimension, scaling);
        let mut features = Array2::<f32>::zeros((rows.len(), dimension));
        for (mut into, row) in features.outer_iter_mut().zip(rows) {
            for (i, x) in into.iter_mut().enumerate() {
                *x = (row[i] - mean[i]) * scale[i];
            }
        }
        let importance = importance(labels, classes.len(), balance);
        let (weights, bias) = descend(&features, labels, &importance, classes.len(), l2);
        Self {
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
            mean,
            scale,
            weights: weights.outer_iter().map(|row| row.to_vec()).collect(),
            bias: bias.to_vec(),
        }
    }

    /// The names of the classes, in the order of the probabilities.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many features a row has.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// The probability of each class; they sum to 1.
    pub fn predict(&self, row: &[f32]) -> Vec<f32> {
        debug_assert_eq!(row.len(), self.dimension(), "rows have the length that the fit saw");
        let scaled: Vec<f32> =
            row.iter().zip(&self.mean).zip(&self.scale).map(|((x, mean), scale)| (x - mean) * scale).collect();
        let mut logits: Vec<f32> = self
            .weights
            .iter()
            .zip(&self.bias)
            .map(|(weights, bias)| crate::domain::vectors::dot(weights, &scaled) + bias)
            .collect();
        softmax_in_place(&mut logits);
        logits
    }
}

/// Turns logits into probabilities.
fn softmax_in_place(logits: &mut [f32]) {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|x| *x = (*x - top).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|x| *x /= sum);
}

fn moments(rows: &[&[f32]], dimension: usize, scaling: Scaling) -> (Vec<f32>, Vec<f32>) {
    let count = rows.len().max(1) as f32;
    let mut mean = vec![0.0_f32; dimension];
    for row in rows {
        mean.iter_mut().zip(*row).for_each(|(sum, x)| *sum += x / count);
    }
    if scaling == Scaling::Centre {
        return (mean, vec![1.0; dimension]);
    }
    let mut variance = vec![0.0_f32; dimension];
    for row in rows {
        variance.iter_mut().zip(*row).zip(&mean).for_each(|((sum, x), mean)| *sum += (x - mean).powi(2) / count);
    }
    let scale = variance.into_iter().map(|v| if v > 1e-12 { 1.0 / v.sqrt() } else { 0.0 }).collect();
    (mean, scale)
}

/// The weight of each row; they sum to 1.
fn importance(labels: &[usize], classes: usize, balance: Balance) -> Array1<f32> {
    if balance == Balance::Rows {
        return Array1::from_elem(labels.len(), 1.0 / labels.len().max(1) as f32);
    }
    let mut counts = vec![0.0_f32; classes];
    labels.iter().for_each(|&label| counts[label] += 1.0);
    let present = counts.iter().filter(|&&count| count > 0.0).count().max(1) as f32;
    labels.iter().map(|&label| 1.0 / (counts[label] * present)).collect()
}

/// Nesterov's accelerated gradient descent on the penalised loss.
fn descend(
    features: &Array2<f32>,
    labels: &[usize],
    importance: &Array1<f32>,
    classes: usize,
    l2: f32,
) -> (Array2<f32>, Array1<f32>) {
    let dimension = features.ncols();
    // The loss is smooth with half the largest eigenvalue of the second moments; the bias sees a constant 1.
    let smoothness = 0.5 * (largest_eigenvalue(features, importance) + 1.0) + l2;
    let step = 1.0 / smoothness;
    let mut weights = Array2::<f32>::zeros((classes, dimension));
    let mut bias = Array1::<f32>::zeros(classes);
    let (mut ahead_weights, mut ahead_bias) = (weights.clone(), bias.clone());
    let mut momentum = 1.0_f32;
    for _ in 0..MAX_STEPS {
        let mut errors = features.dot(&ahead_weights.t()) + &ahead_bias;
        for ((mut row, &label), &weight) in errors.outer_iter_mut().zip(labels).zip(importance) {
            // A product may come in any memory layout, so a row is no slice.
            let mut probabilities = row.to_vec();
            softmax_in_place(&mut probabilities);
            probabilities[label] -= 1.0;
            row.iter_mut().zip(probabilities).for_each(|(error, p)| *error = p * weight);
        }
        let gradient = errors.t().dot(features) + &ahead_weights * l2;
        let bias_gradient = errors.sum_axis(Axis(0));
        let new_weights = &ahead_weights - &(&gradient * step);
        let new_bias = &ahead_bias - &(&bias_gradient * step);
        let new_momentum = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
        let inertia = (momentum - 1.0) / new_momentum;
        ahead_weights = &new_weights + &((&new_weights - &weights) * inertia);
        ahead_bias = &new_bias + &((&new_bias - &bias) * inertia);
        (weights, bias, momentum) = (new_weights, new_bias, new_momentum);
        if gradient.iter().all(|g| g.abs() < TOLERANCE) {
            break;
        }
    }
    (weights, bias)
}

/// The largest eigenvalue of the weighted second moments, by power iteration.
fn largest_eigenvalue(features: &Array2<f32>, importance: &Array1<f32>) -> f32 {
    let mut direction = Array1::<f32>::from_elem(features.ncols(), 1.0);
    let mut eigenvalue = 0.0;
    for _ in 0..30 {
        let length = direction.dot(&direction).sqrt();
        if length <= f32::EPSILON {
            return 0.0;
        }
        direction /= length;
        let projected: Array1<f32> = features.dot(&direction) * importance;
        direction = features.t().dot(&projected);
        eigenvalue = norm(direction.view());
    }
    eigenvalue * 1.1
}

fn norm(vector: ArrayView1<'_, f32>) -> f32 {
    vector.dot(&vector).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(scaling: Scaling, l2: f32) -> FitRules {
        FitRules { scaling, balance: Balance::Classes, l2 }
    }

    #[test]
    fn it_tells_three_clouds_apart() {
        let centres = [[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0]];
        let mut rows = Vec::new();
        let mut labels = Vec::new();
        for i in 0..60_usize {
            let wobble = (i as f32 * 0.7).sin() * 0.2;
            rows.push([centres[i % 3][0] + wobble, centres[i % 3][1] - wobble]);
            labels.push(i % 3);
        }
        let rows: Vec<&[f32]> = rows.iter().map(|row| row.as_slice()).collect();
        let model = Softmax::fit(&rows, &labels, &["up", "right", "down"], rules(Scaling::Centre, 1e-4));
        for (row, label) in rows.iter().zip(&labels) {
            let p = model.predict(row);
            assert!(p[*label] > 0.8, "{row:?} {p:?}");
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_rare_class_counts_as_much_as_a_common_one() {
        let rows: Vec<[f32; 1]> = (0..101).map(|i| if i == 0 { [1.0] } else { [0.0] }).collect();
        let labels: Vec<usize> = (0..101).map(|i| usize::from(i == 0)).collect();
        let rows: Vec<&[f32]> = rows.iter().map(|row| row.as_slice()).collect();
        let model = Softmax::fit(&rows, &labels, &["common", "rare"], rules(Scaling::Standardise, 1e-4));
        assert!(model.predict(&[1.0])[1] > 0.9);
    }

    #[test]
    fn a_constant_feature_does_no_harm() {
        let rows: [&[f32]; 2] = [&[1.0, 5.0], &[-1.0, 5.0]];
        let model = Softmax::fit(&rows, &[0, 1], &["a", "b"], rules(Scaling::Standardise, 1e-3));
        assert!(model.predict(&[1.0, 5.0]).iter().all(|p| p.is_finite()));
    }
}
