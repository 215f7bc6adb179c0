//! Multinomial logistic regression over a few dozen measures: which class does a row belong to, and how surely?
//!
//! Texts are told apart by [`TextClassifier`](crate::domain::classify::text_classifier::TextClassifier).

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::domain::regression::{Balance, Design, fit, softmax_in_place};

/// A fitted classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Softmax {
    classes: Vec<String>,
    /// Subtracted from every measure.
    mean: Vec<f32>,
    /// Multiplied into every centred measure: one over its standard deviation.
    scale: Vec<f32>,
    /// One row a class: a weight a measure.
    weights: Vec<Vec<f32>>,
    /// One a class.
    bias: Vec<f32>,
}

impl Softmax {
    /// Fits rows of equal length with one label each (an index into `classes`). `l2` is the strength of the penalty on the
    /// weights of standardised measures, relative to the mean loss, such as `0.02`.
    pub fn fit(rows: &[&[f32]], labels: &[usize], classes: &[&str], l2: f32) -> Self {
        let dimension = rows.first().map_or(0, |row| row.len());
        let (mean, scale) = moments(rows, dimension);
        let mut dense = Array2::<f32>::zeros((rows.len(), dimension));
        for (mut into, row) in dense.outer_iter_mut().zip(rows) {
            into.iter_mut().zip(standardised(row, &mean, &scale)).for_each(|(to, x)| *to = x);
        }
        let design = Design { dense, sparse: vec![Vec::new(); rows.len()], sparse_width: 0 };
        let fitted = fit(&design, labels, classes.len(), Balance::Rows, l2);
        Self {
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
            mean,
            scale,
            weights: fitted.dense.outer_iter().map(|row| row.to_vec()).collect(),
            bias: fitted.bias.to_vec(),
        }
    }

    /// How many measures a row has.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// The probability of each class; they sum to 1.
    pub fn predict(&self, row: &[f32]) -> Vec<f32> {
        debug_assert_eq!(row.len(), self.dimension(), "rows have the length that the fit saw");
        let row: Vec<f32> = standardised(row, &self.mean, &self.scale).collect();
        let weighed = self.weights.iter().map(|weights| crate::domain::vectors::dot(weights, &row));
        let mut logits: Vec<f32> = weighed.zip(&self.bias).map(|(logit, bias)| logit + bias).collect();
        softmax_in_place(&mut logits);
        logits
    }

    /// How much each measure speaks for a class (an index), in logits: positive for it, negative against it.
    pub fn contributions(&self, row: &[f32], class: usize) -> Vec<f32> {
        let row = standardised(row, &self.mean, &self.scale);
        self.weights[class].iter().zip(row).map(|(weight, x)| weight * x).collect()
    }

    /// Which measures are larger than in the mean row of the fit.
    pub fn above_mean(&self, row: &[f32]) -> Vec<bool> {
        row.iter().zip(&self.mean).map(|(x, mean)| x > mean).collect()
    }
}

fn standardised<'a>(row: &'a [f32], mean: &'a [f32], scale: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    row.iter().zip(mean).zip(scale).map(|((x, mean), scale)| (x - mean) * scale)
}

/// Mean of each measure, and one over its standard deviation; 0 for one that never varies.
fn moments(rows: &[&[f32]], dimension: usize) -> (Vec<f32>, Vec<f32>) {
    let count = rows.len().max(1) as f32;
    let mut mean = vec![0.0_f32; dimension];
    for row in rows {
        mean.iter_mut().zip(*row).for_each(|(sum, x)| *sum += x / count);
    }
    let mut variance = vec![0.0_f32; dimension];
    for row in rows {
        variance.iter_mut().zip(*row).zip(&mean).for_each(|((sum, x), mean)| *sum += (x - mean).powi(2) / count);
    }
    let scale = variance.into_iter().map(|v| if v > 1e-12 { 1.0 / v.sqrt() } else { 0.0 }).collect();
    (mean, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let model = Softmax::fit(&rows, &labels, &["up", "right", "down"], 1e-3);
        for (row, label) in rows.iter().zip(&labels) {
            let p = model.predict(row);
            assert!(p[*label] > 0.8, "{row:?} {p:?}");
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_constant_measure_does_no_harm() {
        let rows: [&[f32]; 2] = [&[1.0, 5.0], &[-1.0, 5.0]];
        let model = Softmax::fit(&rows, &[0, 1], &["a", "b"], 1e-3);
        assert!(model.predict(&[1.0, 5.0]).iter().all(|p| p.is_finite()));
    }
}
