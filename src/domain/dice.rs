//! Numbers that look drawn and can be drawn again: chance as a function of what it decides.

/// A number from 0 to 1, 1 excluded, evenly spread over such keys, and the same for the same key.
///
/// The keys are mixed by the finaliser of SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*,
/// OOPSLA 2014).
pub fn dice<const N: usize>(keys: [u64; N]) -> f64 {
    let mixed = keys.into_iter().fold(0, |mixed, key| mix(mixed ^ key));
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_evenly_spread_and_neighbours_have_nothing_to_do_with_each_other() {
        let mut tenths = [[0_u32; 10]; 10];
        for n in 0..10_000 {
            let place = |keys| (dice(keys) * 10.0) as usize;
            tenths[place([7, n, 3])][place([7, n, 4])] += 1;
        }
        // 100 are expected in each; the chance of one of them beyond 150 is one in ten thousand.
        assert!(tenths.iter().flatten().all(|count| (55..150).contains(count)), "{tenths:?}");
        assert_eq!(dice([1, 2]).to_bits(), dice([1, 2]).to_bits());
    }
}
