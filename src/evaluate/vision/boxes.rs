//! Boxes around objects, and how far two of them overlap.

use crate::evaluate::NoValue;
use crate::evaluate::sound;

/// A rectangle in continuous coordinates, by two opposite corners.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl BoundingBox {
    /// A box from `[left, top, right, bottom]`, where right and bottom are the larger coordinates or equal ones.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when a number is not finite or the corners are the wrong way round.
    pub fn new(corners: [f64; 4]) -> Result<Self, NoValue> {
        sound::all_finite(&corners)?;
        let [left, top, right, bottom] = corners;
        if left > right || top > bottom {
            return Err(NoValue::Invalid("the corners of a box are the wrong way round"));
        }
        Ok(Self { left, top, right, bottom })
    }

    /// Intersection over union; 0 for two boxes without area.
    pub fn iou(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let common = width * height;
        let union = self.area() + other.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }

    fn area(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}
