//! Arithmetic on embeddings. Vectors of one model are L2-normalised, so that a dot product is their cosine.

/// Dot product of two vectors of the same dimension.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len(), "vectors of one model have one dimension");
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Scales a vector to length 1; a zero vector stays zero.
pub fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > f32::EPSILON {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// The normalised mean of vectors of dimension `dimension`; zero when there are none.
pub fn centroid<'a>(vectors: impl IntoIterator<Item = &'a [f32]>, dimension: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f32; dimension];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(total, x)| *total += x);
    }
    normalise(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centroid_lies_between() {
        let centre = centroid([&[1.0, 0.0][..], &[0.0, 1.0][..]], 2);
        assert!((centre[0] - centre[1]).abs() < 1e-6);
        assert!((dot(&centre, &centre) - 1.0).abs() < 1e-6);
        assert_eq!(centroid([], 2), vec![0.0, 0.0]);
    }
}
