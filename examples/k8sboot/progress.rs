//! Events of a run as a progress bar (terminal) or as lines (elsewhere).

use std::{
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use k8sboot_core::exec::{Event, Observer, Outcome, Run};

use crate::{args::Output, output::say};

/// A run whose events go to standard error, or nowhere with JSON output.
pub(crate) fn run(output: Output) -> Run {
    let mut run = Run::default();
    if output == Output::Text {
        let terminal = std::io::stderr().is_terminal();
        run.observer = Arc::new(Printer { bar: terminal.then(|| Mutex::new(bar())) });
    }
    run
}

/// How often the bar moves by itself.
const TICK: Duration = Duration::from_millis(100);

struct Printer {
    bar: Option<Mutex<ProgressBar>>,
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    // The template is a constant; the default style is a fair stand-in should it ever not parse.
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{prefix}] {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}

impl Observer for Printer {
    fn event(&self, event: &Event<'_>) {
        let bar = self.bar.as_ref().map(|bar| bar.lock().unwrap_or_else(PoisonError::into_inner));
        let line = |text: String| match &bar {
            Some(bar) => bar.suspend(|| say(&text)),
            None => say(&text),
        };
        match event {
            Event::StageStarted { stage, steps } => {
                if let Some(bar) = &bar {
                    bar.reset();
                    bar.set_length(u64::try_from(*steps).unwrap_or(u64::MAX));
                    bar.set_prefix((*stage).to_owned());
                    bar.set_message(if *steps > 0 { "making keys" } else { "" });
                    bar.enable_steady_tick(TICK);
                }
            }
            Event::StepStarted { step, .. } => {
                if let Some(bar) = &bar {
                    bar.set_message(step.id.clone());
                }
            }
            Event::StepDone { stage, number, step, outcome, .. } => {
                if let Some(bar) = &bar {
                    bar.set_position(u64::try_from(*number).unwrap_or(u64::MAX));
                }
                if **outcome != Outcome::AlreadySo {
                    line(format!("[{stage}] {}", step.action.summary()));
                }
            }
            Event::Waiting { stage, on, reason, elapsed, .. } => {
                let state = reason.map_or_else(|| "well".to_owned(), ToString::to_string);
                if let Some(bar) = &bar {
                    bar.set_message(format!("{on}: {state}"));
                }
                line(format!("[{stage}] {on}: {state} ({:.1} s)", elapsed.as_secs_f64()));
            }
            Event::StepFailed { stage, step, .. } => line(format!("[{stage}] {} failed", step.id)),
            Event::Note { stage, text } => line(format!("[{stage}] note: {text}")),
            Event::StageDone { .. } => {
                if let Some(bar) = &bar {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }
}
