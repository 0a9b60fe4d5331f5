//! The board: pairs that wait for people, who holds which of them, and verdicts that may still be taken back.
//!
//! It is bounded: when it is full the oldest pair that nobody looks at is let go, first of those that nobody judged. It holds texts and not records, and
//! it knows neither clock nor log: time is an argument, and what is settled is handed back.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::time::Instant;

use crate::assign::bucket;
use crate::judge::review::ReviewError;
use crate::record::JudgementRecord;
use crate::record::Preference;
use crate::record::Vote;
use crate::vocab::ModelName;

/// How many pairs wait for people.
const MOST: usize = 1_000;
/// What they hold at most, in bytes, roughly.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How many reviewers are remembered; the first is forgotten first.
const MOST_REVIEWERS: usize = 1_000;
/// How long a pair is kept for the reviewer who looks at it.
const HELD: Duration = Duration::from_secs(15 * 60);
/// How long a verdict may be taken back where no other follows it.
const SECOND_THOUGHTS: Duration = Duration::from_secs(60);

/// A pair that waits for people.
#[derive(Debug)]
pub(super) struct Post {
    /// Drawn at random, so that it tells nothing of the request.
    pub(super) id: String,
    /// What becomes of it, but for the verdict: one answer, the candidate's.
    pub(super) judgement: JudgementRecord,
    /// Legacy.
    pub(super) legacy: ModelName,
    pub(super) request: Text,
    pub(super) of_legacy: Text,
    pub(super) of_candidate: Text,
    pub(super) given: Vec<Given>,
    pub(super) skipped: Vec<String>,
    pub(super) held: Vec<(String, Instant)>,
}

/// A text as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
    /// It is JSON, set out in lines.
    pub(super) is_json: bool,
}

/// What one reviewer said of a pair.
#[derive(Debug)]
pub(super) struct Given {
    reviewer: String,
    at: Instant,
    said: Preference,
    /// `None`: it is on record.
    judgement: Option<JudgementRecord>,
}

/// What a reviewer says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opinion {
    /// `None`: nothing, somebody else may.
    pub(super) better: Option<Side>,
    pub(super) reasons: Vec<String>,
    pub(super) note: Option<String>,
}

/// Which answer a reviewer holds to be better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    Neither,
}

/// All pairs of one judge.
#[derive(Debug)]
pub(super) struct Board {
    /// By how many people each pair is judged.
    each: usize,
    posts: VecDeque<Post>,
    bytes: usize,
    reviewers: IndexMap<String, Reviewer>,
}

/// What is remembered of a reviewer.
#[derive(Debug, Default)]
struct Reviewer {
    judged: u64,
    /// The pair of the last verdict, or that was skipped last.
    last: Option<String>,
}

/// How far a reviewer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) judged: u64,
    pub(super) waiting: usize,
    pub(super) undo: bool,
}

impl Post {
    /// Whether this reviewer sees the candidate's answer on the left: by lot, and always the same.
    pub(super) fn candidate_left(&self, reviewer: &str) -> bool {
        bucket(&self.id, reviewer.as_bytes()).0 & 1 == 0
    }

    fn is_open_to(&self, reviewer: &str, each: usize) -> bool {
        self.given.len() < each && !self.is_known_to(reviewer)
    }

    fn is_known_to(&self, reviewer: &str) -> bool {
        self.given.iter().any(|given| given.reviewer == reviewer)
            || self.skipped.iter().any(|known| known == reviewer)
    }

    fn is_held_by(&self, reviewer: &str) -> bool {
        self.held.iter().any(|(holder, _)| holder == reviewer)
    }

    fn held_bytes(&self) -> usize {
        let texts = [&self.request, &self.of_legacy, &self.of_candidate];
        2048 + texts.map(|text| text.text.len()).iter().sum::<usize>()
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.given.iter().all(|given| given.judgement.is_none())
    }

    /// What a reviewer's opinion comes to.
    fn judged(&self, reviewer: &str, side: Side, opinion: Opinion, at: Instant) -> Given {
        let candidate_left = self.candidate_left(reviewer);
        let said = match side {
            Side::Neither => Preference::Tie,
            Side::Left if candidate_left => Preference::Win,
            Side::Right if !candidate_left => Preference::Win,
            Side::Left | Side::Right => Preference::Loss,
        };
        let mut judgement = self.judgement.clone();
        judgement.reviewer = Some(reviewer.to_owned());
        judgement.reasons = opinion.reasons;
        for answer in &mut judgement.answers {
            answer.against_legacy = Some(said);
            answer.explanation.clone_from(&opinion.note);
            judgement.left = Some(if candidate_left { answer.arm.clone() } else { self.legacy.clone() });
        }
        Given { reviewer: reviewer.to_owned(), at, said, judgement: Some(judgement) }
    }

    /// Gives the verdicts that are settled; where all are that there will be of several, the last has the word of all.
    fn settle(&mut self, each: usize, is_settled: impl Fn(&Given) -> bool) -> Vec<JudgementRecord> {
        let mut settled: Vec<JudgementRecord> = Vec::new();
        for given in self.given.iter_mut().filter(|given| is_settled(given)) {
            settled.extend(given.judgement.take());
        }
        if each > 1
            && let Some(last) = settled.last_mut()
            && self.is_done(each)
        {
            let vote = |given: &Given| Vote { reviewer: given.reviewer.clone(), said: given.said };
            last.panel = self.given.iter().map(vote).collect();
        }
        settled
    }

    /// Whether as many judged as are to, and all of it is on record.
    fn is_done(&self, each: usize) -> bool {
        self.given.len() >= each && self.given.iter().all(|given| given.judgement.is_none())
    }
}

impl Board {
    /// A board of a judge whose pairs are each judged by so many people, at least one.
    pub(super) fn of(each: usize) -> Self {
        Self { each, posts: VecDeque::new(), bytes: 0, reviewers: IndexMap::new() }
    }

    /// Takes in a pair; gives how many were let go for it, or did not come in.
    pub(super) fn put(&mut self, mut post: Post, now: Instant) -> u64 {
        let mut gone = 0;
        post.judgement.each = u32::try_from(self.each).ok().filter(|each| *each > 1);
        self.bytes += post.held_bytes();
        self.posts.push_back(post);
        self.let_go_of_holds(now);
        while self.posts.len() > MOST || self.bytes > MOST_BYTES {
            // The new one is the last to go: pairs that half of the people judged must not keep all others out.
            let older = self.posts.len() - 1;
            let oldest = |is_idle: fn(&Post) -> bool| self.posts.iter().take(older).position(is_idle);
            let unjudged = oldest(|post| post.is_idle() && post.given.is_empty());
            let idle = unjudged.or_else(|| oldest(Post::is_idle)).unwrap_or(older);
            self.remove(idle);
            gone += 1;
        }
        gone
    }

    /// Lets go of the pairs that nobody has judged or looks at, and says how many those are.
    pub(super) fn retire(&mut self, now: Instant) -> u64 {
        self.let_go_of_holds(now);
        let mut gone = 0;
        while let Some(at) = self.posts.iter().position(|post| post.is_idle() && post.given.is_empty()) {
            self.remove(at);
            gone += 1;
        }
        gone
    }

    /// The next pair for a reviewer: the one in hand, else the oldest that nobody else is at.
    pub(super) fn next(&mut self, reviewer: &str, now: Instant) -> Option<&Post> {
        let each = self.each;
        self.let_go_of_holds(now);
        let open = |post: &Post| post.is_open_to(reviewer, each);
        let in_hand = self.posts.iter().position(|post| open(post) && post.is_held_by(reviewer));
        let is_free = |post: &Post| open(post) && post.given.len() + post.held.len() < each;
        let found = in_hand.or_else(|| self.posts.iter().position(is_free))?;
        let post = self.posts.get_mut(found)?;
        post.held.retain(|(holder, _)| holder != reviewer);
        post.held.push((reviewer.to_owned(), now));
        Some(post)
    }

    /// Takes in an opinion; gives what is settled by it, which is what the reviewer said before.
    pub(super) fn give(
        &mut self,
        reviewer: &str,
        id: &str,
        opinion: Opinion,
        now: Instant,
    ) -> Result<Vec<JudgementRecord>, ReviewError> {
        let post = self.posts.iter_mut().find(|post| post.id == id).ok_or(ReviewError::Gone)?;
        if post.is_known_to(reviewer) {
            return Err(ReviewError::Again);
        }
        // Who held it for too long comes too late if others did the work.
        if !post.is_held_by(reviewer) {
            return Err(ReviewError::Gone);
        }
        post.held.retain(|(holder, _)| holder != reviewer);
        let is_verdict = opinion.better.is_some();
        match opinion.better {
            Some(side) => {
                let given = post.judged(reviewer, side, opinion, now);
                post.given.push(given);
            }
            None => post.skipped.push(reviewer.to_owned()),
        }
        let id = post.id.clone();
        let settled = self.settle(|post, given| given.reviewer == reviewer && post != id);
        let known = self.remember(reviewer);
        known.judged += u64::from(is_verdict);
        known.last = Some(id);
        Ok(settled)
    }

    /// Takes back what a reviewer said last, and puts the pair before them again.
    pub(super) fn undo(&mut self, reviewer: &str, now: Instant) -> Result<&Post, ReviewError> {
        let last = self.reviewers.get(reviewer).and_then(|known| known.last.clone());
        let is_last = |post: &&mut Post| Some(&post.id) == last.as_ref();
        let post = self.posts.iter_mut().find(is_last).ok_or(ReviewError::NothingToUndo)?;
        let own = |given: &Given| given.reviewer == reviewer;
        if post.given.iter().any(|given| own(given) && given.judgement.is_none()) {
            return Err(ReviewError::NothingToUndo);
        }
        let before = post.given.len();
        post.given.retain(|given| !own(given));
        post.skipped.retain(|known| known != reviewer);
        post.held.push((reviewer.to_owned(), now));
        if let Some(known) = self.reviewers.get_mut(reviewer) {
            known.judged -= u64::from(before > post.given.len());
            known.last = None;
        }
        // What is in hand comes first, and of two the one that was taken back.
        let (taken_back, held) = (post.id.clone(), |post: &Post| post.is_held_by(reviewer));
        for other in self.posts.iter_mut().filter(|post| post.id != taken_back && held(post)) {
            other.held.retain(|(holder, _)| holder != reviewer);
        }
        self.posts.iter().find(|post| post.id == taken_back).ok_or(ReviewError::NothingToUndo)
    }

    /// Gives the verdicts that nobody will take back any more.
    pub(super) fn ripe(&mut self, now: Instant) -> Vec<JudgementRecord> {
        self.settle(|_, given| now.duration_since(given.at) >= SECOND_THOUGHTS)
    }

    /// Forgets those pairs that as many judged as are to.
    pub(super) fn tidy(&mut self) {
        let each = self.each;
        while let Some(at) = self.posts.iter().position(|post| post.is_done(each)) {
            self.remove(at);
        }
    }

    /// Gives all verdicts, and how many pairs go without all of theirs.
    pub(super) fn close(&mut self) -> (Vec<JudgementRecord>, u64) {
        let settled = self.settle(|_, _| true);
        let unjudged = self.waiting() as u64;
        self.posts.clear();
        self.bytes = 0;
        (settled, unjudged)
    }

    /// How far a reviewer has come.
    pub(super) fn progress(&self, reviewer: &str) -> Progress {
        let each = self.each;
        let known = self.reviewers.get(reviewer);
        let last = known.and_then(|known| known.last.as_ref());
        let can_undo = |post: &Post| {
            Some(&post.id) == last
                && !post.given.iter().any(|given| given.reviewer == reviewer && given.judgement.is_none())
        };
        Progress {
            judged: known.map_or(0, |known| known.judged),
            waiting: self.posts.iter().filter(|post| post.is_open_to(reviewer, each)).count(),
            undo: self.posts.iter().any(can_undo),
        }
    }

    /// Pairs that somebody has yet to judge.
    pub(super) fn waiting(&self) -> usize {
        self.posts.iter().filter(|post| post.given.len() < self.each).count()
    }

    fn settle(&mut self, is_settled: impl Fn(&str, &Given) -> bool) -> Vec<JudgementRecord> {
        let mut settled = Vec::new();
        for post in &mut self.posts {
            let id = post.id.clone();
            settled.extend(post.settle(self.each, |given| is_settled(&id, given)));
        }
        settled
    }

    fn let_go_of_holds(&mut self, now: Instant) {
        for post in &mut self.posts {
            post.held.retain(|(_, since)| now.duration_since(*since) < HELD);
        }
    }

    fn remember(&mut self, reviewer: &str) -> &mut Reviewer {
        if self.reviewers.len() >= MOST_REVIEWERS && !self.reviewers.contains_key(reviewer) {
            self.reviewers.shift_remove_index(0);
        }
        self.reviewers.entry(reviewer.to_owned()).or_default()
    }

    fn remove(&mut self, at: usize) {
        if let Some(post) = self.posts.remove(at) {
            self.bytes -= post.held_bytes();
        }
    }
}
