//! The labelled data of the demo: real images of handwritten digits, split into what models learn from and what
//! users send.
//!
//! The images come with the binary (`DIGITS.md` tells from where). The split is by place in the file, so that every
//! run has the same one, and no image that a user sends was ever seen by a model.

use std::io::Read;

use flate2::read::GzDecoder;

const FILE: &[u8] = include_bytes!("digits.csv.gz");
const HELD_OUT_EVERY: usize = 3;

/// Numbers in an image.
pub const PIXELS: usize = 64;
/// Digits that an image can show.
pub const CLASSES: usize = 10;

/// An image with the digit that it truly shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Digit {
    /// The image, 8 by 8, row by row, each from 0 (white) to 16 (black).
    pub pixels: [f32; PIXELS],
    /// The digit, from 0 to 9.
    pub label: u8,
}

/// All images, split in two.
#[derive(Debug, Clone)]
pub struct Digits {
    /// What models learn from: two images of three. The rankers' catalogue too.
    pub train: Vec<Digit>,
    /// What users send: every third image.
    pub held_out: Vec<Digit>,
}

/// Says why the images cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DigitsError {
    /// The file does not unpack.
    #[error("the images in the binary do not unpack; it is damaged, build or download it again")]
    Unpack(#[source] std::io::Error),
    /// A line is no image.
    #[error("line {line} of the images in the binary is not 64 numbers from 0 to 16 and a digit")]
    Line {
        /// The line, from 1.
        line: usize,
    },
}

impl Digits {
    /// Reads the images that come with the binary.
    pub fn load() -> Result<Self, DigitsError> {
        let mut text = String::new();
        GzDecoder::new(FILE).read_to_string(&mut text).map_err(DigitsError::Unpack)?;
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            let digit = parse(line).ok_or(DigitsError::Line { line: index + 1 })?;
            let side = if index % HELD_OUT_EVERY == 0 { &mut held_out } else { &mut train };
            side.push(digit);
        }
        Ok(Self { train, held_out })
    }
}

fn parse(line: &str) -> Option<Digit> {
    let numbers: Option<Vec<f32>> = line.split(',').map(|number| number.trim().parse().ok()).collect();
    let numbers = numbers?;
    let (label, pixels) = numbers.split_last()?;
    let pixels: [f32; PIXELS] = pixels.try_into().ok()?;
    let is_image = pixels.iter().all(|pixel| (0.0..=16.0).contains(pixel));
    let is_digit = label.fract() == 0.0 && (0.0..CLASSES as f32).contains(label);
    (is_image && is_digit).then_some(Digit { pixels, label: *label as u8 })
}
