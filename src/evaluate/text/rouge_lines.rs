//! What two texts of several lines share, line by line: the sum behind ROUGE-Lsum (Lin 2004, section 3.2).

use std::collections::HashMap;
use std::collections::HashSet;

use crate::evaluate::text::subsequence::Reference;

/// How many words of the reference's lines are in the union of their longest common subsequences with the other
/// text's lines; no word is counted more often than both texts hold it.
pub(super) fn shared_by_line(reference: &[Vec<String>], hypothesis: &[Vec<String>]) -> u64 {
    let mut numbers = HashMap::new();
    let reference: Vec<Vec<usize>> = reference.iter().map(|line| numbered(line, &mut numbers)).collect();
    let hypothesis: Vec<Vec<usize>> = hypothesis.iter().map(|line| numbered(line, &mut numbers)).collect();
    let mut left_in_reference = counted(&reference, numbers.len());
    let mut left_in_hypothesis = counted(&hypothesis, numbers.len());
    let lines = Lines::of(&hypothesis, numbers.len());
    let mut shared = 0;
    for line in &reference {
        let union = lines.union_with(line);
        for (word, _) in line.iter().zip(union).filter(|(_, matched)| *matched) {
            let (one, other) = (&mut left_in_reference[*word], &mut left_in_hypothesis[*word]);
            if *one > 0 && *other > 0 {
                (*one, *other) = (*one - 1, *other - 1);
                shared += 1;
            }
        }
    }
    shared
}

/// A line with numbers for words, the same word having the same number.
fn numbered<'t>(line: &'t [String], numbers: &mut HashMap<&'t str, usize>) -> Vec<usize> {
    let mut number = |word: &'t String| {
        let next = numbers.len();
        *numbers.entry(word).or_insert(next)
    };
    line.iter().map(&mut number).collect()
}

fn counted(lines: &[Vec<usize>], words: usize) -> Vec<u64> {
    let mut counts = vec![0; words];
    lines.iter().flatten().for_each(|word| counts[*word] += 1);
    counts
}

/// The distinct lines of a text: one that repeats adds nothing to a union.
struct Lines<'l> {
    lines: Vec<&'l [usize]>,
    /// By word, the lines that hold it, ascending.
    with: Vec<Vec<usize>>,
}

impl<'l> Lines<'l> {
    fn of(lines: &'l [Vec<usize>], words: usize) -> Self {
        let mut known: HashSet<&[usize]> = HashSet::new();
        let lines: Vec<&[usize]> =
            lines.iter().map(Vec::as_slice).filter(|line| known.insert(line)).collect();
        let mut with: Vec<Vec<usize>> = vec![Vec::new(); words];
        for (number, line) in lines.iter().enumerate() {
            for word in *line {
                if with[*word].last() != Some(&number) {
                    with[*word].push(number);
                }
            }
        }
        Self { lines, with }
    }

    /// Which words of a line are in a longest common subsequence with any of these lines.
    fn union_with(&self, line: &[usize]) -> Vec<bool> {
        let words: HashSet<&usize> = line.iter().collect();
        let mut related: Vec<usize> = words.into_iter().flat_map(|word| &self.with[*word]).copied().collect();
        related.sort_unstable();
        related.dedup();
        let mut reference = Reference::new(line);
        let mut union = vec![false; line.len()];
        for number in related {
            reference.each_match(self.lines[number], |place| union[place] = true);
        }
        union
    }
}
