//! Fitting multinomial logistic regression to rows that are dense, sparse, or both.
//!
//! Deterministic: the same rows give the same weights. (Bishop, *Pattern Recognition and Machine Learning*, section 4.3.4;
//! fitted by Nesterov's accelerated gradient descent.)

use ndarray::{Array1, Array2, Axis};

/// The most steps of one fit; it converges in fewer for the amounts of data met here.
const MAX_STEPS: usize = 400;
/// The fit has converged when no weight's gradient is larger than this.
const TOLERANCE: f32 = 1e-5;
/// Rounds of the power iteration, which needs one digit only.
const POWER_ROUNDS: usize = 30;

/// The non-zero features of a row: which, and how much.
pub type SparseRow = Vec<(usize, f32)>;

/// Rows of features.
pub struct Design {
    /// One row a sample.
    pub dense: Array2<f32>,
    /// One a sample as well; all empty when there are no sparse features.
    pub sparse: Vec<SparseRow>,
    /// How many sparse features there are.
    pub sparse_width: usize,
}

/// How rows of different classes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Each class the same, however many rows it has: when the rows say nothing about how frequent classes are.
    Classes,
    /// Each row the same: frequent classes are more likely.
    Rows,
}

/// What is fitted.
#[derive(Clone, Debug)]
pub struct Weights {
    /// A row a class, a column a dense feature.
    pub dense: Array2<f32>,
    /// A row a sparse feature, a column a class.
    pub sparse: Array2<f32>,
    /// One a class.
    pub bias: Array1<f32>,
}

/// Turns logits into probabilities.
pub fn softmax_in_place(logits: &mut [f32]) {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|x| *x = (*x - top).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|x| *x /= sum);
}

impl Weights {
    fn zeros(design: &Design, classes: usize) -> Self {
        Self {
            dense: Array2::zeros((classes, design.dense.ncols())),
            sparse: Array2::zeros((design.sparse_width, classes)),
            bias: Array1::zeros(classes),
        }
    }

    /// `self + (self - before) * inertia`: where the step after next is expected.
    fn ahead(&self, before: &Self, inertia: f32) -> Self {
        Self {
            dense: &self.dense + &((&self.dense - &before.dense) * inertia),
            sparse: &self.sparse + &((&self.sparse - &before.sparse) * inertia),
            bias: &self.bias + &((&self.bias - &before.bias) * inertia),
        }
    }

    fn less(&self, gradient: &Self, step: f32) -> Self {
        Self {
            dense: &self.dense - &(&gradient.dense * step),
            sparse: &self.sparse - &(&gradient.sparse * step),
            bias: &self.bias - &(&gradient.bias * step),
        }
    }

    fn is_flat(&self) -> bool {
        self.dense.iter().chain(&self.sparse).all(|g| g.abs() < TOLERANCE)
    }
}

/// Fits weights to rows with one label each (an index below `classes`). `l2` is the strength of the penalty on the weights
/// relative to the mean loss, such as `1e-4`.
pub fn fit(design: &Design, labels: &[usize], classes: usize, balance: Balance, l2: f32) -> Weights {
    let importance = importance(labels, classes, balance);
    // The loss is smooth with half the largest eigenvalue of the second moments; the bias sees a constant 1.
    let step = 1.0 / (0.5 * (design.largest_eigenvalue(&importance) + 1.0) + l2);
    let mut weights = Weights::zeros(design, classes);
    let mut ahead = weights.clone();
    let mut momentum = 1.0_f32;
    for _ in 0..MAX_STEPS {
        let gradient = design.gradient(&ahead, labels, &importance, l2);
        let new = ahead.less(&gradient, step);
        let new_momentum = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
        ahead = new.ahead(&weights, (momentum - 1.0) / new_momentum);
        (weights, momentum) = (new, new_momentum);
        if gradient.is_flat() {
            break;
        }
    }
    weights
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

impl Design {
    fn gradient(&self, at: &Weights, labels: &[usize], importance: &Array1<f32>, l2: f32) -> Weights {
        let mut errors = self.dense.dot(&at.dense.t()) + &at.bias;
        let mut sparse = &at.sparse * l2;
        let classes = errors.ncols();
        let mut logits = vec![0.0_f32; classes];
        for (((mut row, features), &label), &weight) in
            errors.outer_iter_mut().zip(&self.sparse).zip(labels).zip(importance)
        {
            // A product may come in any memory layout, so a row is no slice.
            logits.iter_mut().zip(&row).for_each(|(logit, x)| *logit = *x);
            for &(feature, value) in features {
                logits.iter_mut().zip(at.sparse.row(feature)).for_each(|(logit, w)| *logit += w * value);
            }
            softmax_in_place(&mut logits);
            logits[label] -= 1.0;
            row.iter_mut().zip(&logits).for_each(|(error, p)| *error = p * weight);
            for &(feature, value) in features {
                let scaled = value * weight;
                sparse.row_mut(feature).iter_mut().zip(&logits).for_each(|(g, p)| *g += p * scaled);
            }
        }
        Weights { dense: errors.t().dot(&self.dense) + &at.dense * l2, sparse, bias: errors.sum_axis(Axis(0)) }
    }

    /// The largest eigenvalue of the weighted second moments, by power iteration, rounded up a little.
    fn largest_eigenvalue(&self, importance: &Array1<f32>) -> f32 {
        let mut dense = Array1::<f32>::from_elem(self.dense.ncols(), 1.0);
        let mut sparse = vec![1.0_f32; self.sparse_width];
        let mut eigenvalue = 0.0;
        for _ in 0..POWER_ROUNDS {
            let length = (dense.dot(&dense) + sparse.iter().map(|x| x * x).sum::<f32>()).sqrt();
            if length <= f32::EPSILON {
                return 0.0;
            }
            dense /= length;
            sparse.iter_mut().for_each(|x| *x /= length);
            let mut projected: Array1<f32> = self.dense.dot(&dense);
            for (sum, row) in projected.iter_mut().zip(&self.sparse) {
                *sum += row.iter().map(|&(feature, value)| sparse[feature] * value).sum::<f32>();
            }
            projected *= importance;
            dense = self.dense.t().dot(&projected);
            sparse.iter_mut().for_each(|x| *x = 0.0);
            for (along, row) in projected.iter().zip(&self.sparse) {
                row.iter().for_each(|&(feature, value)| sparse[feature] += along * value);
            }
            eigenvalue = (dense.dot(&dense) + sparse.iter().map(|x| x * x).sum::<f32>()).sqrt();
        }
        eigenvalue * 1.1
    }
}
