//! Softmax regression: straight borders between the digits, learnt by stochastic gradient descent.
//!
//! It sees the image averaged down to 4 by 4. That makes it small and fast, and is why it errs: digits that differ
//! by a thin stroke look alike at that size.

use crate::demo::digits::CLASSES;
use crate::demo::digits::Digit;
use crate::demo::digits::PIXELS;

const FEATURES: usize = 16;
const PASSES: usize = 10;
const STEP: f32 = 0.1;

/// A trained regression with its view of the catalogue.
#[derive(Debug)]
pub(super) struct Softmax {
    weights: [[f32; FEATURES]; CLASSES],
    offsets: [f32; CLASSES],
    catalogue: Vec<[f32; CLASSES]>,
}

impl Softmax {
    pub(super) fn train(images: &[Digit]) -> Self {
        let mut model =
            Self { weights: [[0.0; FEATURES]; CLASSES], offsets: [0.0; CLASSES], catalogue: Vec::new() };
        let features: Vec<_> = images.iter().map(|image| coarse(&image.pixels)).collect();
        for _ in 0..PASSES {
            for (image, features) in images.iter().zip(&features) {
                model.learn(features, image.label);
            }
        }
        model.catalogue = features.iter().map(|features| model.predict(features)).collect();
        model
    }

    pub(super) fn probabilities(&self, image: &[f32; PIXELS]) -> [f32; CLASSES] {
        self.predict(&coarse(image))
    }

    /// The probability that query and document show the same digit, were the two guesses independent.
    pub(super) fn scores(&self, query: &[f32; PIXELS]) -> Vec<f32> {
        let query = self.probabilities(query);
        self.catalogue.iter().map(|document| dot(document, &query)).collect()
    }

    /// One step down the gradient of the log loss, which is predicted minus true probability.
    fn learn(&mut self, features: &[f32; FEATURES], label: u8) {
        let predicted = self.predict(features);
        for (class, probability) in predicted.iter().enumerate() {
            let truth = if class == usize::from(label) { 1.0 } else { 0.0 };
            let error = probability - truth;
            for (weight, feature) in self.weights[class].iter_mut().zip(features) {
                *weight -= STEP * error * feature;
            }
            self.offsets[class] -= STEP * error;
        }
    }

    fn predict(&self, features: &[f32; FEATURES]) -> [f32; CLASSES] {
        let mut logits = self.offsets;
        for (logit, weights) in logits.iter_mut().zip(&self.weights) {
            *logit += dot(weights, features);
        }
        softmax(logits)
    }
}

/// Averages blocks of 2 by 2 pixels, from 0 to 1.
fn coarse(pixels: &[f32; PIXELS]) -> [f32; FEATURES] {
    let mut features = [0.0; FEATURES];
    for (place, pixel) in pixels.iter().enumerate() {
        let (row, column) = (place / 8, place % 8);
        features[row / 2 * 4 + column / 2] += pixel / 64.0;
    }
    features
}

fn softmax(logits: [f32; CLASSES]) -> [f32; CLASSES] {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers = logits.map(|logit| (logit - highest).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}

fn dot<const N: usize>(a: &[f32; N], b: &[f32; N]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
