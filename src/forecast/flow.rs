//! One kind of requests under two policies: who answered its users, who will, and who gets copies.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::forecast::draws::Drawn;
use crate::forecast::draws::Place;
use crate::forecast::draws::Stand;
use crate::forecast::draws::Taker;
use crate::forecast::ramp;
use crate::forecast::ramp::Places;
use crate::forecast::ramp::RampStep;
use crate::forecast::ramp::Standing;
use crate::policy::Policy;
use crate::policy::UnitSource;
use crate::strategy::Strategy;

/// What takes a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    /// The experiment of this name.
    Experiment(String),
    /// No experiment: the default model of this name.
    Default(String),
    /// No experiment and no default model: 404.
    NotFound,
}

/// What decides who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DrawnBy {
    /// The user, who keeps the model.
    User,
    /// The user under both policies, but named by something else: counted as drawn anew.
    OtherUnit,
    /// Each request anew: what is counted is by how much the shares differ.
    Request,
}

/// Requests that one part of the old policy takes, and one part of the new.
#[derive(Debug, Serialize)]
pub struct Flow {
    /// One such request.
    pub example: String,
    /// What takes it under the old policy.
    pub before: Handler,
    /// What takes it under the new one.
    pub after: Handler,
    /// What decides who answers.
    pub drawn_by: DrawnBy,
    /// What happens when the new policy is applied: for a canary at each step at which it may then stand.
    pub moments: Vec<Moment>,
    /// How the new policy's canary goes on from its first step; empty where there is none.
    pub ramp: Vec<RampStep>,
}

/// What happens when the new policy is applied at one moment.
#[derive(Debug, Serialize)]
pub struct Moment {
    /// Where the old policy's experiment stands then; `null`: there is none.
    pub stands_before: Option<Standing>,
    /// Where the new policy's experiment stands then; `null`: there is none.
    pub stands_after: Option<Standing>,
    /// Users whom another model answers than before.
    pub moved: u32,
    /// Users who take part in the experiment and did not before.
    pub join: u32,
    /// Users who took part in an experiment and do not any more.
    pub leave: u32,
    /// From which model to which, the most users first.
    pub moves: Vec<Move>,
    /// What each model gets.
    pub models: Vec<Load>,
}

/// Users who go from one model to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Who answered.
    pub from: String,
    /// Who will.
    pub to: String,
    /// How many users.
    pub users: u32,
}

/// What a model gets of the users' requests, when each user sends one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// The model.
    pub model: String,
    /// Requests that it answers, or is asked for a list that is mixed, before.
    pub answers_before: u32,
    /// The same, after.
    pub answers_after: u32,
    /// Copies that it gets before, within the budgets.
    pub copies_before: u32,
    /// The same, after.
    pub copies_after: u32,
}

impl Flow {
    /// The most users that change model at any moment at which the candidates take part.
    pub fn moved(&self) -> u32 {
        self.worst().map_or(0, |moment| moment.moved)
    }

    /// The moment at which the most users change model, among those at which the candidates take part.
    pub fn worst(&self) -> Option<&Moment> {
        let is_out =
            |moment: &Moment| moment.stands_before.as_ref().is_some_and(|standing| standing.rolled_back);
        // Of several alike the first.
        self.moments.iter().filter(|moment| !is_out(moment)).rev().max_by_key(|moment| moment.moved)
    }

    /// Whether nothing changes for these requests.
    pub fn is_quiet(&self) -> bool {
        let alike = |load: &Load| {
            load.answers_before == load.answers_after && load.copies_before == load.copies_after
        };
        let quiet = |moment: &Moment| {
            moment.moved == 0 && moment.join + moment.leave == 0 && moment.models.iter().all(alike)
        };
        self.before == self.after && self.moments.iter().all(quiet)
    }
}

/// Two policies with the parts of them that take the same requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between<'p> {
    pub(super) old: (&'p Policy, Taker<'p>),
    pub(super) new: (&'p Policy, Taker<'p>),
}

/// Counts over the units.
pub(super) fn flow(between: Between<'_>, example: String, units: &[String]) -> Flow {
    let Between { old, new } = between;
    let drawn_by = drawn_by(old.1, new.1);
    let moments = ramp::moments(old.1, new.1);
    Flow {
        example,
        before: handler(old),
        after: handler(new),
        drawn_by,
        moments: moments.iter().map(|places| moment(between, places, drawn_by, units)).collect(),
        ramp: ramp::along(new.0, new.1, units),
    }
}

pub(super) fn handler((policy, taker): (&Policy, Taker<'_>)) -> Handler {
    match taker {
        Taker::Experiment(experiment) => Handler::Experiment(experiment.name.to_string()),
        Taker::Default(model) => Handler::Default(policy.model(model).name.to_string()),
        Taker::Nobody => Handler::NotFound,
    }
}

/// Who draws: a side on which everybody gets the same asks for no unit.
fn drawn_by(old: Taker<'_>, new: Taker<'_>) -> DrawnBy {
    match (drawn_unit(old), drawn_unit(new)) {
        (Some([]), _) | (_, Some([])) => DrawnBy::Request,
        // Who has the first source under both is one user under both.
        (Some([one, ..]), Some([other, ..])) if one != other => DrawnBy::OtherUnit,
        _ => DrawnBy::User,
    }
}

/// The unit that decides who answers; `None`: nothing is drawn.
fn drawn_unit(taker: Taker<'_>) -> Option<&[UnitSource]> {
    let experiment = taker.experiment()?;
    matches!(experiment.strategy, Strategy::Canary(_) | Strategy::Ab(_)).then_some(&experiment.unit[..])
}

fn moment(between: Between<'_>, places: &Places, drawn_by: DrawnBy, units: &[String]) -> Moment {
    let Between { old, new } = between;
    let stand =
        |(policy, taker), at: Option<Place>| Stand { policy, taker, at: at.unwrap_or(Place::running()) };
    let (before, after) = (stand(old, places.before), stand(new, places.after));
    let name = |taker: Taker<'_>| taker.experiment().map(|experiment| experiment.name.clone());
    let same_name = name(old.1) == name(new.1);
    let mut counts = Counts::default();
    for (at, unit) in units.iter().enumerate() {
        let request = unit.as_bytes();
        let was = before.draw(Some(request), request);
        let other = units[units.len() - 1 - at].as_bytes();
        let unit = if drawn_by == DrawnBy::OtherUnit { other } else { request };
        counts.add(&was, &after.draw(Some(unit), request), same_name);
    }
    Moment {
        stands_before: places.before.map(|place| ramp::standing(old.1, place)),
        stands_after: places.after.map(|place| ramp::standing(new.1, place)),
        ..counts.told(drawn_by)
    }
}

#[derive(Default)]
struct Counts<'p> {
    moves: BTreeMap<(&'p str, &'p str), u32>,
    loads: BTreeMap<&'p str, Load>,
    join: u32,
    leave: u32,
}

impl<'p> Counts<'p> {
    fn add(&mut self, was: &Drawn<'p>, is: &Drawn<'p>, same_name: bool) {
        *self.moves.entry((was.answerer, is.answerer)).or_default() += 1;
        let stays = same_name && was.enrolled && is.enrolled;
        self.join += u32::from(is.enrolled && !stays);
        self.leave += u32::from(was.enrolled && !stays);
        was.asked.iter().for_each(|model| self.load(model).answers_before += 1);
        is.asked.iter().for_each(|model| self.load(model).answers_after += 1);
        was.copied.iter().for_each(|model| self.load(model).copies_before += 1);
        is.copied.iter().for_each(|model| self.load(model).copies_after += 1);
    }

    fn load(&mut self, model: &'p str) -> &mut Load {
        self.loads.entry(model).or_default()
    }

    fn told(self, drawn_by: DrawnBy) -> Moment {
        let Self { moves, loads, join, leave } = self;
        let moves = if drawn_by == DrawnBy::Request { by_shares(&moves) } else { moves };
        let mut moves: Vec<Move> = moves
            .into_iter()
            .filter(|((from, to), _)| from != to)
            .map(|((from, to), users)| Move { from: from.to_owned(), to: to.to_owned(), users })
            .collect();
        moves.sort_by_key(|one| std::cmp::Reverse(one.users));
        Moment {
            stands_before: None,
            stands_after: None,
            moved: moves.iter().map(|one| one.users).sum(),
            join,
            leave,
            moves,
            models: loads.into_iter().map(|(model, load)| Load { model: model.to_owned(), ..load }).collect(),
        }
    }
}

/// What must move for the shares to become the others: which request goes to whom is drawn anew each time.
fn by_shares<'p>(moves: &BTreeMap<(&'p str, &'p str), u32>) -> BTreeMap<(&'p str, &'p str), u32> {
    let mut differences: BTreeMap<&str, i64> = BTreeMap::new();
    for ((from, to), users) in moves {
        *differences.entry(from).or_default() -= i64::from(*users);
        *differences.entry(to).or_default() += i64::from(*users);
    }
    let mut givers: Vec<(&str, i64)> =
        differences.iter().filter(|(_, less)| **less < 0).map(|(at, less)| (*at, -less)).collect();
    let mut shifted = BTreeMap::new();
    for (taker, mut wanted) in differences.into_iter().filter(|(_, more)| *more > 0) {
        while let Some((giver, left)) = givers.last_mut().filter(|_| wanted > 0) {
            let given = wanted.min(*left);
            shifted.insert((*giver, taker), given as u32);
            wanted -= given;
            *left -= given;
            if *left == 0 {
                givers.pop();
            }
        }
    }
    shifted
}
