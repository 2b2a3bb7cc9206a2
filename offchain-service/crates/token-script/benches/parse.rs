//! How fast scripts are parsed and how much memory the parsed ones hold, against plainly tokenising the same bytes.
//!
//! `cargo bench -p smartlayer-token-script`, with `-- --table` or `-- --json` without criterion's statistics, or with `SMARTLAYER_TOKEN_SCRIPTS=FOLDER` over other scripts. Two yardsticks, both
//! pull tokenizers that build nothing:
//!
//! - xmlparser takes a document apart and checks what XML asks of each character and name, which whoever may not accept what is
//!   not well-formed has to do as well. It is the fair one.
//! - quick-xml looks for the next bracket and checks little: what moving over the bytes costs at least.
//!
//! Best of many rounds in turn, so that all see the same machine.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use quick_xml::{events::Event, Reader};
use smartlayer_token_script::{parse, Limits};

/// Counts the bytes that are allocated and not freed.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator can't be written without; it only counts and hands on")]
// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The least that parsing is to reach of the fair tokeniser's throughput.
const GOAL: f64 = 0.5;

fn main() -> ExitCode {
    let scripts = scripts();
    if scripts.is_empty() {
        eprintln!("skipped: no published token scripts");
        return ExitCode::SUCCESS;
    }
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    match (has("--json"), has("--table")) {
        (false, false) => {
            statistics(&scripts);
            compare(&scripts, false)
        }
        (json, _) => compare(&scripts, json),
    }
}

/// Lets criterion measure.
fn statistics(scripts: &[(String, Vec<u8>)]) {
    let bytes: usize = scripts.iter().map(|(_, bytes)| bytes.len()).sum();
    let limits = Limits::default();
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let mut group = criterion.benchmark_group("published scripts");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("parse", |b| {
        b.iter(|| scripts.iter().for_each(|(_, bytes)| drop(black_box(parse(bytes, &limits)))))
    });
    group.bench_function("tokenise", |b| b.iter(|| scripts.iter().map(|(_, bytes)| tokenise(bytes)).sum::<usize>()));
    group.bench_function("skip", |b| b.iter(|| scripts.iter().map(|(_, bytes)| skip(bytes)).sum::<usize>()));
    group.finish();
}

/// Measures script by script, and says whether the goal is reached.
fn compare(scripts: &[(String, Vec<u8>)], json: bool) -> ExitCode {
    let limits = Limits::default();
    let bytes: usize = scripts.iter().map(|(_, bytes)| bytes.len()).sum();
    println_unless(
        json,
        format_args!(
            "{:<58} {:>9} {:>10} {:>10} {:>6} {:>10} {:>6} {:>9}",
            "script", "bytes", "parse", "xmlparser", "ratio", "quick-xml", "ratio", "held"
        ),
    );
    let mut total = [Duration::ZERO; 3];
    let mut held_in_all = 0;
    for (name, bytes) in scripts {
        let times = best([&|| drop(black_box(parse(bytes, &limits))), &|| _ = black_box(tokenise(bytes)), &|| {
            _ = black_box(skip(bytes))
        }]);
        let before = HELD.load(Ordering::Relaxed);
        let script = parse(bytes, &limits);
        let held = HELD.load(Ordering::Relaxed).saturating_sub(before);
        drop(script);
        row(json, name, bytes.len(), times, held);
        total = std::array::from_fn(|i| total[i] + times[i]);
        held_in_all += held;
    }
    row(json, "all", bytes, total, held_in_all);
    let [parsing, tokenising, skipping] = total.map(|time| time.as_secs_f64());
    let holds = tokenising / parsing >= GOAL;
    figure(json, "parsing to tokenising with xmlparser", tokenising / parsing, "ratio", Some(GOAL));
    figure(json, "parsing to moving over the bytes with quick-xml", skipping / parsing, "ratio", None);
    figure(json, "held per script", held_in_all as f64 / scripts.len() as f64, "bytes", None);
    ExitCode::from(if holds { 0 } else { 2 })
}

fn println_unless(json: bool, line: std::fmt::Arguments<'_>) {
    if !json {
        println!("{line}");
    }
}

/// A line as all of `scripts/bench` prints them.
fn figure(json: bool, name: &str, value: f64, unit: &str, goal: Option<f64>) {
    let holds = goal.map(|goal| value >= goal);
    let or_null = |text: Option<String>| text.unwrap_or_else(|| "null".into());
    if json {
        let (goal, holds) = (or_null(goal.map(|g| g.to_string())), or_null(holds.map(|h| h.to_string())));
        println!(r#"{{"figure":"{name}","value":{value},"unit":"{unit}","goal":{goal},"holds":{holds}}}"#);
        return;
    }
    let verdict = if holds == Some(true) { "holds" } else { "MISSED" };
    let goal = goal.map(|goal| format!("  goal at least {goal}: {verdict}")).unwrap_or_default();
    println!("{name:<66} {value:>12.3} {unit}{goal}");
}

fn row(json: bool, name: &str, bytes: usize, [parsing, tokenising, skipping]: [Duration; 3], held: usize) {
    let ratio = |yardstick: Duration| yardstick.as_secs_f64() / parsing.as_secs_f64();
    let (fair, least) = (ratio(tokenising), ratio(skipping));
    println_unless(
        json,
        format_args!(
            "{name:<58} {bytes:>9} {parsing:>10.1?} {tokenising:>10.1?} {fair:>6.2} {skipping:>10.1?} {least:>6.2} {held:>9}"
        ),
    );
}

/// The scripts that are served.
fn scripts() -> Vec<(String, Vec<u8>)> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/tokenscripts");
    let folder = std::env::var_os("SMARTLAYER_TOKEN_SCRIPTS").map_or(own, PathBuf::from);
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let read = |path: PathBuf| Some((path.file_name()?.to_string_lossy().into_owned(), std::fs::read(&path).ok()?));
    let mut scripts: Vec<_> =
        files.filter_map(read).filter(|(_, bytes)| parse(bytes, &Limits::default()).is_ok()).collect();
    scripts.sort();
    scripts
}

/// Takes the document apart with xmlparser.
fn tokenise(bytes: &[u8]) -> usize {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    xmlparser::Tokenizer::from(text).map_while(Result::ok).map(|token| token.span().len()).sum()
}

/// Goes over the document with quick-xml: every event, with each attribute, and ends of lines as XML has them.
fn skip(bytes: &[u8]) -> usize {
    let mut reader = Reader::from_reader(bytes);
    let mut seen = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                for attribute in tag.attributes().flatten() {
                    seen += attribute.key.as_ref().len() + attribute.value.len();
                }
            }
            Ok(Event::Text(text)) => seen += text.xml10_content().len(),
            Ok(Event::CData(text)) => seen += text.xml10_content().len(),
            Ok(Event::Eof) | Err(_) => return seen,
            Ok(_) => {}
        }
    }
}

/// The shortest time of each, in turn.
fn best(works: [&dyn Fn(); 3]) -> [Duration; 3] {
    let mut best = [Duration::MAX; 3];
    for _ in 0..50 {
        for (best, work) in best.iter_mut().zip(works) {
            let start = Instant::now();
            work();
            *best = (*best).min(start.elapsed());
        }
    }
    best
}
