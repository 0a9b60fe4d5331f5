//! What an endpoint's breaker has to say to metrics and logs, and how a call tells it its end.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntCounter;
use prometheus::IntGauge;
use tokio::time::Instant;

use crate::telemetry::Metrics;
use crate::upstream::Model;
use crate::upstream::breaker::Breaker;
use crate::upstream::breaker::BreakerSettings;
use crate::upstream::breaker::Sits;
use crate::vocab::Fate;
use crate::vocab::ModelName;

/// What a call is for, as far as breakers are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A user waits for the answer.
    Answer,
    /// No user does.
    Copy,
}

/// A breaker whose changes are counted and logged.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) breaker: Breaker,
    model: ModelName,
    calls: &'static str,
    open: IntGauge,
    opened: IntCounter,
    closed: IntCounter,
}

/// Tells the breaker of one call's endpoint how the call went. Dropped, it tells that it is over, and no more.
#[derive(Debug)]
pub struct Watch {
    model: Arc<Model>,
    endpoint: usize,
    purpose: Purpose,
    sits: Option<Sits>,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Purpose::Answer => "answers",
            Purpose::Copy => "copies",
        }
    }
}

impl Guard {
    pub(super) fn new(
        model: &ModelName,
        purpose: Purpose,
        settings: BreakerSettings,
        metrics: &Metrics,
    ) -> Self {
        let (name, calls) = (model.as_str(), purpose.label());
        let changes = |state| metrics.breaker_changes.with_label_values(&[name, calls, state]);
        Self {
            breaker: Breaker::new(settings, Instant::now()),
            model: model.clone(),
            calls,
            open: metrics.breakers_open.with_label_values(&[name, calls]),
            opened: changes("open"),
            closed: changes("closed"),
        }
    }

    pub(super) fn crowded(&self, now: Instant) {
        if self.breaker.crowded(now) {
            self.note_opened("calls fill their bound and none is answered");
        }
    }

    fn succeeded(&self) {
        if self.breaker.succeeded() {
            self.open.dec();
            self.closed.inc();
            tracing::info!(model = %self.model, calls = self.calls, "an endpoint answers again");
        }
    }

    fn begins(&self, now: Instant) -> Sits {
        let (sits, opened) = self.breaker.begins(now);
        if opened {
            self.note_opened("calls to it sit and none is answered");
        }
        sits
    }

    fn failed(&self) {
        if self.breaker.failed(Instant::now()) {
            self.note_opened("calls to it fail");
        }
    }

    fn note_opened(&self, why: &str) {
        self.open.inc();
        self.opened.inc();
        tracing::warn!(model = %self.model, calls = self.calls, "an endpoint is left alone: {why}");
    }
}

impl Drop for Guard {
    /// A reload may drop a model whose breaker is open.
    fn drop(&mut self) {
        if self.breaker.is_open() {
            self.open.dec();
        }
    }
}

impl Watch {
    pub(super) fn new(model: Arc<Model>, endpoint: usize, purpose: Purpose) -> Self {
        Self { model, endpoint, purpose, sits: None }
    }

    /// The call begins now.
    pub fn begins(&mut self, now: Instant) {
        // What a user waits for may be long in coming, and is tried until calls fail.
        if self.purpose == Purpose::Copy {
            self.sits = self.guard().map(|guard| guard.begins(now));
        }
    }

    /// The call went well.
    pub fn succeeded(self) {
        if let Some(guard) = self.guard() {
            guard.succeeded();
        }
    }

    /// The call failed.
    pub fn failed(self) {
        if let Some(guard) = self.guard() {
            guard.failed();
        }
    }

    /// The call ended in this way after so long; an end that is not the endpoint's doing tells nothing.
    pub fn ended(mut self, fate: Fate, took: Duration) {
        match fate {
            Fate::Complete => {
                if let (Some(_), Some(guard)) = (self.sits.take(), self.guard()) {
                    guard.breaker.hears(took);
                }
                self.succeeded();
            }
            Fate::ConnectError | Fate::Timeout | Fate::Reset | Fate::Truncated => self.failed(),
            Fate::Overloaded | Fate::BreakerOpen | Fate::Cancelled => {}
        }
    }

    fn guard(&self) -> Option<&Guard> {
        self.model.guard(self.endpoint, self.purpose)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let (Some(sits), Some(guard)) = (self.sits.take(), self.guard()) {
            guard.breaker.ends(sits);
        }
    }
}
