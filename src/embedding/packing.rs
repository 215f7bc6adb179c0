//! Which texts go through the model together.

/// Packs texts of these lengths, in tokens, into runs of at most `budget` tokens, padding included: every text of a run
/// counts as the longest one. A text longer than the budget runs alone. Texts of like length meet, since they are
/// taken from the shortest to the longest; every position appears exactly once.
pub(super) fn pack(lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    let mut by_length: Vec<usize> = (0..lengths.len()).collect();
    by_length.sort_by_key(|position| lengths[*position]);

    let mut runs: Vec<Vec<usize>> = Vec::new();
    for position in by_length {
        match runs.last_mut() {
            Some(run) if (run.len() + 1) * lengths[position] <= budget => run.push(position),
            _ => runs.push(vec![position]),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_lengths_share_a_run_within_the_budget() {
        assert_eq!(pack(&[100, 10, 12, 11, 40], 40), [vec![1, 3, 2], vec![4], vec![0]]);
        assert_eq!(pack(&[], 40), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn without_a_budget_every_text_runs_alone() {
        assert_eq!(pack(&[3, 1, 2], 0), [vec![1], vec![2], vec![0]]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_lost_and_no_shared_run_exceeds_the_budget(
            lengths in proptest::collection::vec(1_usize..600, 0..80), budget in 0_usize..2000,
        ) {
            let runs = pack(&lengths, budget);
            let mut seen: Vec<usize> = runs.iter().flatten().copied().collect();
            seen.sort_unstable();
            proptest::prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for run in runs.iter().filter(|run| run.len() > 1) {
                let longest = run.iter().map(|position| lengths[*position]).max().unwrap_or(0);
                proptest::prop_assert!(run.len() * longest <= budget);
            }
        }
    }
}
