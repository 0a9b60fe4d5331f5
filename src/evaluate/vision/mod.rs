//! How well a model sees: masks, boxes, and lesions found.
//!
//! Masks and boxes come decoded: this module reads no picture. Coordinates are continuous, as in COCO.

mod boxes;
mod detection;
mod froc;
mod masks;

#[cfg(test)]
mod tests;

pub use boxes::BoundingBox;
pub use detection::DetectedBox;
pub use detection::DetectionMap;
pub use detection::TrueBox;
pub use detection::detection_map;
pub use froc::Froc;
pub use froc::FrocImage;
pub use froc::LesionMark;
pub use froc::froc;
pub use masks::BothEmpty;
pub use masks::dice;
pub use masks::iou;
pub use masks::macro_dice;
pub use masks::macro_iou;
