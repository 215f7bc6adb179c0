//! Experiments, and what their arms add up to.

use std::collections::BTreeMap;

use turnwise::domain::conversation::Outcome;
use turnwise::domain::experiment::{
    Arm, ArmSettings, Assignment, Experiment, ExperimentKind, ExperimentMetric, ExperimentStatus, RetrievalFilter,
};
use turnwise::domain::experiment_statistics::Sample;
use turnwise::domain::ids::ExperimentId;
use turnwise::domain::period::Span;
use turnwise::domain::ranking::SuccessOrder;
use turnwise::store::Store;
use turnwise::store::error::StoreError;
use turnwise::store::experiments::{ArmSums, ExperimentFilter};
use turnwise::store::measures::{ArmOf, MetricFilter};
use turnwise::store::page::{CreatedOrder, PageRequest};
use uuid::Uuid;

use crate::store::fixtures::{
    at, begin, commit, conversation, insert_conversation, language, other_tenant, record, tenant,
};
use crate::store::on_both;

fn experiment(number: u128) -> Experiment {
    let tried = ArmSettings { success_order: Some(SuccessOrder::Mean), band: Some(0.25), ..ArmSettings::default() };
    Experiment {
        id: ExperimentId(Uuid::from_u128(number)),
        name: format!("experiment {number}"),
        kind: ExperimentKind::Ranker,
        status: ExperimentStatus::Draft,
        metric: ExperimentMetric::Cost,
        arms: vec![
            Arm { name: "plain".to_owned(), share: 0.75, settings: ArmSettings::default() },
            Arm { name: "tried".to_owned(), share: 0.25, settings: tried },
        ],
        filter: RetrievalFilter { category: Some("sales".to_owned()), language: Some(language("ur-Latn")) },
        created_at: at(i64::try_from(number).expect("it is small")),
        started_at: None,
        stopped_at: None,
    }
}

fn assigned(number: u128, name: &str, arm: &str) -> Assignment {
    Assignment {
        experiment_id: ExperimentId(Uuid::from_u128(number)),
        conversation_ref: name.to_owned(),
        arm: arm.to_owned(),
        assigned_at: at(5),
    }
}

async fn insert(store: &Store, numbers: &[u128]) {
    let mut tx = begin(store).await;
    for number in numbers {
        tx.insert_experiment(&tenant(), &experiment(*number)).await.expect("it is stored");
    }
    commit(tx).await;
}

async fn sums(store: &Store, number: u128) -> BTreeMap<String, ArmSums> {
    store.arm_sums(&tenant(), ExperimentId(Uuid::from_u128(number))).await.expect("it answers")
}

#[tokio::test]
async fn an_experiment_is_made_runs_and_ends() {
    on_both(async |store| {
        insert(&store, &[1, 2]).await;
        let (one, two) = (experiment(1), experiment(2));
        assert_eq!(store.experiment(&tenant(), one.id).await.expect("it answers"), Some(one.clone()));
        assert_eq!(store.experiment(&other_tenant(), one.id).await.expect("it answers"), None);
        let ids = async |filter: ExperimentFilter| {
            let page = store.list_experiments(&tenant(), &filter, &PageRequest::first(9)).await.expect("it answers");
            page.items.iter().map(|found| found.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(ExperimentFilter::default()).await, [two.id, one.id]);
        let oldest_first = ExperimentFilter { order: Some(CreatedOrder::CreatedAt), ..ExperimentFilter::default() };
        assert_eq!(ids(oldest_first).await, [one.id, two.id]);
        let search = |words: &str| ExperimentFilter { search: Some(words.to_owned()), ..ExperimentFilter::default() };
        assert_eq!(ids(search("2 EXPERIMENT")).await, [two.id]);
        assert_eq!(ids(search("experiment_2")).await, []);
        let (nobody, all) = (other_tenant(), ExperimentFilter::default());
        let foreign = store.list_experiments(&nobody, &all, &PageRequest::first(9)).await.expect("it answers");
        assert_eq!(foreign.count, 0);

        let mut tx = begin(&store).await;
        assert!(!tx.stop_experiment(&tenant(), one.id, at(10)).await.expect("it answers"), "it does not run");
        assert!(!tx.start_experiment(&other_tenant(), one.id, at(10)).await.expect("it answers"));
        assert!(tx.start_experiment(&tenant(), one.id, at(10)).await.expect("it runs"));
        assert!(!tx.start_experiment(&tenant(), one.id, at(11)).await.expect("it answers"), "it runs already");
        assert!(tx.start_experiment(&tenant(), two.id, at(12)).await.expect("it runs"));
        assert_eq!(tx.count_running_experiments(&tenant()).await.expect("it answers"), 2);
        assert_eq!(tx.count_running_experiments(&other_tenant()).await.expect("it answers"), 0);
        commit(tx).await;
        let running = Experiment { status: ExperimentStatus::Running, started_at: Some(at(10)), ..one.clone() };
        let found = store.running_experiments(&tenant()).await.expect("it answers");
        assert_eq!((found.len(), &found[0]), (2, &running), "the oldest first");
        assert_eq!(store.running_experiments(&other_tenant()).await.expect("it answers"), vec![]);

        let mut tx = begin(&store).await;
        assert!(!tx.stop_experiment(&other_tenant(), one.id, at(20)).await.expect("it answers"));
        assert!(tx.stop_experiment(&tenant(), one.id, at(20)).await.expect("it ends"));
        assert!(!tx.start_experiment(&tenant(), one.id, at(21)).await.expect("it answers"), "it has ended");
        commit(tx).await;
        let stopped = Experiment { status: ExperimentStatus::Stopped, stopped_at: Some(at(20)), ..running };
        assert_eq!(store.experiment(&tenant(), one.id).await.expect("it answers"), Some(stopped));
        let of_status = |status| ExperimentFilter { status: Some(status), ..ExperimentFilter::default() };
        assert_eq!(ids(of_status(ExperimentStatus::Running)).await, [two.id]);
        let holdouts = ExperimentFilter { kind: Some(ExperimentKind::Holdout), ..ExperimentFilter::default() };
        assert_eq!(ids(holdouts).await, []);
    })
    .await;
}

#[tokio::test]
async fn of_those_that_run_the_first_started_comes_first() {
    on_both(async |store| {
        insert(&store, &[1, 2, 3]).await;
        let mut tx = begin(&store).await;
        for (number, started) in [(3, 10), (1, 20), (2, 20)] {
            assert!(tx.start_experiment(&tenant(), experiment(number).id, at(started)).await.expect("it runs"));
        }
        commit(tx).await;
        let running = store.running_experiments(&tenant()).await.expect("it answers");
        // Whoever starts one that was made before takes no conversation from those that run.
        let ids: Vec<ExperimentId> = running.iter().map(|found| found.id).collect();
        assert_eq!(ids, [experiment(3).id, experiment(1).id, experiment(2).id]);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_of_which_only_the_record_was_imported_has_no_turns() {
    on_both(async |store| {
        insert(&store, &[1]).await;
        insert_conversation(&store, 11).await;
        let mut imported = conversation(12);
        (imported.turns, imported.ended_at) = (vec![], imported.started_at);
        let mut tx = begin(&store).await;
        tx.insert_conversation(&tenant(), &imported, at(1)).await.expect("it is stored");
        let assignments = [assigned(1, "call-11", "plain"), assigned(1, "call-12", "plain")];
        tx.insert_assignments(&tenant(), &assignments).await.expect("they are stored");
        commit(tx).await;
        let told = sums(&store, 1).await;
        let plain = &told["plain"];
        assert_eq!((plain.conversations, plain.successful), (2, 2), "{plain:#?}");
        assert_eq!((plain.turns.mean(), plain.duration_ms.mean()), (Some(3.0), Some(60_000.0)), "{plain:#?}");
    })
    .await;
}

#[tokio::test]
async fn arms_add_up_what_came_of_their_conversations() {
    on_both(async |store| {
        insert(&store, &[1, 2]).await;
        let mut given = Vec::new();
        for number in 11..=15 {
            given.push(insert_conversation(&store, number).await);
        }
        let mut tx = begin(&store).await;
        for (conversation, outcome) in
            given.iter().zip([Outcome::Unsuccessful, Outcome::Successful, Outcome::Unknown, Outcome::Excluded])
        {
            let mut analysed = record(conversation.id);
            analysed.outcome = outcome;
            tx.upsert_record(&tenant(), &analysed).await.expect("it is stored");
        }
        let by_id = given[1].id.to_string();
        let assignments = [
            assigned(1, "call-11", "plain"),
            // A name that is an id of ours is that; named in both ways, its own id decides.
            assigned(1, &by_id, "plain"),
            assigned(1, "call-13", "plain"),
            assigned(1, &given[2].id.to_string(), "tried"),
            assigned(1, "call-14", "plain"),
            assigned(1, "call-never", "plain"),
            assigned(1, "call-15", "tried"),
            assigned(2, "call-15", "plain"),
        ];
        tx.insert_assignments(&tenant(), &assignments).await.expect("they are stored");
        // Told again, and in another arm: the first counts.
        let again = [assigned(1, "call-11", "tried"), assigned(1, "call-11", "plain")];
        tx.insert_assignments(&tenant(), &again).await.expect("they are stored");
        commit(tx).await;

        let told = sums(&store, 1).await;
        let plain = &told["plain"];
        assert_eq!((plain.assigned, plain.conversations, plain.judged, plain.successful), (5, 3, 2, 1), "{told:#?}");
        let sample =
            |count: i64, each: f64| Sample { count, sum: count as f64 * each, squares: count as f64 * each * each };
        assert_eq!((plain.turns, plain.satisfaction), (sample(3, 3.0), sample(3, 5.0)));
        assert_eq!(plain.duration_ms, sample(3, 60_000.0));
        assert_eq!(plain.cost_usd.count, 3);
        assert!((plain.cost_usd.sum - 0.03).abs() < 1e-9 && (plain.cost_usd.squares - 0.000_3).abs() < 1e-9);
        // Not analysed yet: what the caller said counts.
        let tried = &told["tried"];
        assert_eq!((tried.assigned, tried.conversations, tried.judged, tried.successful), (2, 1, 1, 1));
        assert_eq!(sums(&store, 2).await["plain"].conversations, 1);
        let foreign = store.arm_sums(&other_tenant(), ExperimentId(Uuid::from_u128(1))).await.expect("it answers");
        assert_eq!(foreign, BTreeMap::new());

        let of_arm = |arm: &str| MetricFilter {
            arm: Some(ArmOf { experiment_id: ExperimentId(Uuid::from_u128(1)), arm: arm.to_owned() }),
            ..MetricFilter::default()
        };
        let spans = [Span { start: at(0), end: at(100_000) }];
        for (arm, conversations) in [("plain", 4), ("tried", 1), ("other", 0)] {
            let found = store.span_sums(&tenant(), &of_arm(arm), &spans).await.expect("it answers");
            assert_eq!(found[0].conversations, conversations, "{arm}, excluded ones included");
        }

        let mut tx = begin(&store).await;
        for erased in [&given[0], &given[1]] {
            tx.erase_conversation(&tenant(), erased.id, at(9)).await.expect("it is erased").expect("it was there");
        }
        let nobody = [assigned(3, "call-11", "plain")];
        let refused = tx.insert_assignments(&tenant(), &nobody).await;
        assert!(matches!(refused, Err(StoreError::MissingReference(_))), "{refused:?}");
        tx.rollback().await.expect("it is undone");
        let mut tx = begin(&store).await;
        for erased in [&given[0], &given[1]] {
            tx.erase_conversation(&tenant(), erased.id, at(9)).await.expect("it is erased").expect("it was there");
        }
        commit(tx).await;
        let left = sums(&store, 1).await;
        assert_eq!((left["plain"].assigned, left["plain"].conversations), (3, 1), "{left:#?}");
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_an_id_of_another_is_not_erased_with_its_own() {
    on_both(async |store| {
        insert(&store, &[1]).await;
        let meant = insert_conversation(&store, 11).await;
        let mut erased = conversation(12);
        erased.external_id = meant.id.to_string();
        let mut tx = begin(&store).await;
        tx.insert_conversation(&tenant(), &erased, at(1)).await.expect("it is stored");
        let named = [assigned(1, &meant.id.to_string(), "plain")];
        tx.insert_assignments(&tenant(), &named).await.expect("it is stored");
        commit(tx).await;
        assert_eq!(sums(&store, 1).await["plain"].conversations, 1, "one conversation, not two");
        let mut tx = begin(&store).await;
        tx.erase_conversation(&tenant(), erased.id, at(9)).await.expect("it is erased").expect("it was there");
        commit(tx).await;
        assert_eq!(sums(&store, 1).await["plain"].assigned, 1);
    })
    .await;
}
