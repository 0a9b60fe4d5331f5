//! Nearest neighbours: what the most similar known images show.
//!
//! There is nothing to train; the work is at each request, one distance to every known image.

use crate::demo::digits::CLASSES;
use crate::demo::digits::Digit;
use crate::demo::digits::PIXELS;

const NEIGHBOURS: usize = 3;

/// The known images, which are the catalogue too.
#[derive(Debug)]
pub(super) struct Neighbours {
    known: Vec<Digit>,
}

impl Neighbours {
    pub(super) fn train(images: &[Digit]) -> Self {
        Self { known: images.to_vec() }
    }

    /// The votes of the nearest images, each the heavier the nearer.
    pub(super) fn probabilities(&self, image: &[f32; PIXELS]) -> [f32; CLASSES] {
        let mut votes = [0.0; CLASSES];
        for (distance, label) in self.nearest(image) {
            votes[usize::from(label)] += 1.0 / (1.0 + distance);
        }
        let sum: f32 = votes.iter().sum();
        votes.map(|vote| vote / sum)
    }

    /// The nearer, the higher; 1 for the very same image.
    pub(super) fn scores(&self, query: &[f32; PIXELS]) -> Vec<f32> {
        self.known.iter().map(|document| 1.0 / (1.0 + distance(&document.pixels, query))).collect()
    }

    fn nearest(&self, image: &[f32; PIXELS]) -> [(f32, u8); NEIGHBOURS] {
        let mut nearest = [(f32::MAX, 0); NEIGHBOURS];
        for known in &self.known {
            let found = distance(&known.pixels, image);
            let place = nearest.partition_point(|(distance, _)| *distance <= found);
            if place < NEIGHBOURS {
                nearest[place..].rotate_right(1);
                nearest[place] = (found, known.label);
            }
        }
        nearest
    }
}

/// The squared Euclidean distance.
fn distance(a: &[f32; PIXELS], b: &[f32; PIXELS]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
