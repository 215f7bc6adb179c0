use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// A lane whose model is a function: it tells each run that it starts, and waits for leave to do it. A text has a
/// token per character; its vector is its length and the number of texts in the run.
struct Stage {
    lane: LaneQueue,
    started: mpsc::Receiver<Vec<usize>>,
    leave: mpsc::Sender<()>,
}

impl Stage {
    fn new(queue_length: usize, batch_tokens: usize) -> Self {
        let (starting, started) = mpsc::channel();
        let (leave, may_run) = mpsc::channel();
        let read = |text: &str| match text {
            "unreadable" => Err("no such characters".into()),
            text => Ok(Reading { ids: text.chars().map(u32::from).collect(), truncated: text.ends_with('…') }),
        };
        let run = move |texts: &[&[u32]]| {
            starting.send(texts.iter().map(|ids| ids.len()).collect()).expect("the test listens");
            may_run.recv().expect("the test gives leave");
            if texts.iter().any(|ids| ids.contains(&u32::from('!'))) {
                panic!("an exclamation mark");
            }
            if texts.iter().any(|ids| ids.contains(&u32::from('?'))) {
                return Err(EmbeddingError::Inference { model: "fake".into(), source: "a question".into() });
            }
            Ok(texts.iter().map(|ids| vec![ids.len() as f32, texts.len() as f32]).collect())
        };
        let plan = LanePlan { model: "fake".into(), lane: Lane::Batch, queue_length, batch_tokens };
        let engine = Engine { read: Box::new(read), run: Box::new(run) };
        Self { lane: LaneQueue::start(plan, engine).expect("a thread"), started, leave }
    }

    fn submit(&self, texts: &[&str]) -> Result<oneshot::Receiver<Answer>, EmbeddingError> {
        self.lane.submit(texts.iter().map(|text| Arc::from(*text)).collect(), None)
    }

    fn accept(&self, texts: &[&str]) -> oneshot::Receiver<Answer> {
        self.submit(texts).expect("there is room in the queue")
    }

    /// Waits until a run starts, lets it go on, and tells the lengths of its texts.
    fn next_run(&self) -> Vec<usize> {
        let run = self.started.recv().expect("the lane runs");
        self.leave.send(()).expect("the lane runs");
        run
    }
}

fn vectors(answer: oneshot::Receiver<Answer>) -> Vec<(f32, f32)> {
    let outputs = answer.blocking_recv().expect("an answer").expect("vectors");
    outputs.iter().map(|output| (output.vector[0], output.vector[1])).collect()
}

fn error(answer: oneshot::Receiver<Answer>) -> EmbeddingError {
    answer.blocking_recv().expect("an answer").expect_err("an error")
}

#[test]
fn a_full_queue_is_an_error_at_once() {
    let stage = Stage::new(1, 0);
    let running = stage.accept(&["a"]);
    assert_eq!(stage.started.recv().expect("the lane runs"), [1]);
    let waiting = stage.accept(&["bb"]);

    let refused = stage.submit(&["ccc"]).expect_err("nobody else may wait");
    assert_eq!(refused.class(), crate::domain::error::ErrorClass::Overloaded);

    stage.leave.send(()).expect("the lane runs");
    stage.next_run();
    assert_eq!((vectors(running), vectors(waiting)), (vec![(1.0, 1.0)], vec![(2.0, 1.0)]));
}

#[test]
fn who_has_gone_or_is_too_late_is_skipped() {
    let stage = Stage::new(8, 0);
    let running = stage.accept(&["a"]);
    assert_eq!(stage.started.recv().expect("the lane runs"), [1]);
    drop(stage.accept(&["bb"]));
    let late = stage.lane.submit(vec!["ccc".into()], Some(Instant::now())).expect("there is room");
    let in_time = Instant::now() + Duration::from_secs(3600);
    let last = stage.lane.submit(vec!["dddd".into()], Some(in_time)).expect("there is room");
    stage.leave.send(()).expect("the lane runs");

    assert_eq!(stage.next_run(), [4]);
    assert!(matches!(error(late), EmbeddingError::DeadlineExceeded));
    assert_eq!((vectors(running), vectors(last)), (vec![(1.0, 1.0)], vec![(4.0, 1.0)]));
}

#[test]
fn who_goes_in_the_middle_gets_no_more_runs() {
    let stage = Stage::new(8, 0);
    let gone = stage.accept(&["a", "bb", "ccc"]);
    let last = stage.accept(&["dddd"]);
    assert_eq!(stage.started.recv().expect("the lane runs"), [1]);
    drop(gone);
    stage.leave.send(()).expect("the lane runs");

    assert_eq!(stage.next_run(), [4]);
    assert_eq!(vectors(last), [(4.0, 1.0)]);
}

#[test]
fn texts_of_waiting_requests_share_runs_and_keep_their_order() {
    let stage = Stage::new(8, 6);
    let first = stage.accept(&["a"]);
    assert_eq!(stage.started.recv().expect("the lane runs"), [1]);
    let long = stage.accept(&["seventy", "bb"]);
    let short = stage.accept(&["ccc", "d"]);
    stage.leave.send(()).expect("the lane runs");

    assert_eq!([stage.next_run(), stage.next_run(), stage.next_run()], [vec![1, 2], vec![3], vec![7]]);
    assert_eq!(vectors(first), [(1.0, 1.0)]);
    assert_eq!(vectors(long), [(7.0, 1.0), (2.0, 2.0)]);
    assert_eq!(vectors(short), [(3.0, 1.0), (1.0, 2.0)]);
}

#[test]
fn a_failure_hits_only_the_text_that_caused_it() {
    let stage = Stage::new(8, 100);
    let first = stage.accept(&["a"]);
    assert_eq!(stage.started.recv().expect("the lane runs"), [1]);
    let good = stage.accept(&["good"]);
    let failing = stage.accept(&["why?"]);
    let panicking = stage.accept(&["stop!"]);
    let unreadable = stage.accept(&["unreadable"]);
    stage.leave.send(()).expect("the lane runs");

    assert_eq!(stage.next_run(), [4, 4, 5]);
    assert_eq!([stage.next_run(), stage.next_run(), stage.next_run()], [[4], [4], [5]]);
    assert_eq!((vectors(first), vectors(good)), (vec![(1.0, 1.0)], vec![(4.0, 1.0)]));
    assert!(matches!(error(failing), EmbeddingError::Inference { .. }));
    assert!(matches!(error(unreadable), EmbeddingError::Inference { .. }));
    let EmbeddingError::Panicked { message, .. } = error(panicking) else { panic!("it did panic") };
    assert_eq!(message, "an exclamation mark");

    let after = stage.accept(&["after"]);
    assert_eq!(stage.next_run(), [5]);
    assert_eq!(vectors(after), [(5.0, 1.0)]);
}

#[test]
fn what_was_left_out_is_reported() {
    let stage = Stage::new(8, 0);
    let answer = stage.accept(&["cut…"]);
    stage.next_run();
    let outputs = answer.blocking_recv().expect("an answer").expect("vectors");
    assert!(outputs[0].truncated);
    assert_eq!(outputs[0].tokens, 4);
}

#[cfg(target_os = "linux")]
#[test]
fn the_batch_lane_is_nice_and_the_live_lane_is_not() {
    let niceness = |lane| {
        let (tell, told) = mpsc::channel();
        let read = |_: &str| Ok(Reading { ids: vec![1], truncated: false });
        let run = move |_: &[&[u32]]| {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux has it");
            // The name, in brackets, may hold spaces; niceness is the 17th field after it.
            let after_name = stat.rsplit(')').next().unwrap_or_default().to_owned();
            tell.send(after_name.split_whitespace().nth(16).map(str::to_owned)).expect("the test listens");
            Ok(vec![vec![1.0]])
        };
        let plan = LanePlan { model: "fake".into(), lane, queue_length: 1, batch_tokens: 0 };
        let queue = LaneQueue::start(plan, Engine { read: Box::new(read), run: Box::new(run) }).expect("a thread");
        let answer = queue.submit(vec!["text".into()], None).expect("there is room");
        answer.blocking_recv().expect("an answer").expect("a vector");
        told.recv().expect("the run told it")
    };
    let own = niceness(Lane::Live).expect("a number");
    let own: i32 = own.parse().expect("a number");
    assert_eq!(niceness(Lane::Batch), Some(own.max(10).to_string()));
}
