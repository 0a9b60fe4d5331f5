//! Softmax regression: straight borders between the digits, learnt by stochastic gradient descent.
//!
//! It sees how dark each row and each column of an image is, not the image itself. That makes it small and fast, and
//! is why it errs: digits whose ink is spread alike look the same to it.

use crate::demo::digits::CLASSES;
use crate::demo::digits::Digit;
use crate::demo::digits::PIXELS;

const SIDE: usize = 8;
const FEATURES: usize = 2 * SIDE;
/// What the pixels of a wholly black row or column add up to.
const DARKEST_LINE: f32 = 16.0 * SIDE as f32;
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
        let features: Vec<_> = images.iter().map(|image| profiles(&image.pixels)).collect();
        for _ in 0..PASSES {
            for (image, features) in images.iter().zip(&features) {
                model.learn(features, image.label);
            }
        }
        model.catalogue = features.iter().map(|features| model.predict(features)).collect();
        model
    }

    pub(super) fn probabilities(&self, image: &[f32; PIXELS]) -> [f32; CLASSES] {
        self.predict(&profiles(image))
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

/// The darkness of the eight rows, then of the eight columns, from 0 to 1.
fn profiles(pixels: &[f32; PIXELS]) -> [f32; FEATURES] {
    let mut features = [0.0; FEATURES];
    for (place, pixel) in pixels.iter().enumerate() {
        let (row, column) = (place / SIDE, place % SIDE);
        features[row] += pixel / DARKEST_LINE;
        features[SIDE + column] += pixel / DARKEST_LINE;
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
