//! Objects and lesions of many pictures together, numbered as the metrics want them.

use std::collections::BTreeMap;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::score::OTHER_SHAPE;
use crate::evaluate::vision;
use crate::evaluate::vision::BoundingBox;
use crate::evaluate::vision::DetectedBox;
use crate::evaluate::vision::FrocImage;
use crate::evaluate::vision::LesionMark;
use crate::evaluate::vision::TrueBox;

/// False marks a picture at which the sensitivity is read, to be averaged (Setio and others 2017).
const FALSE_MARKS: [f64; 7] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// The mean average precision over classes and overlaps, as in COCO.
pub(super) fn detection_map(examples: &[&Example]) -> Result<f64, NoValue> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut objects, mut detections) = (Vec::new(), Vec::new());
    for (image, example) in examples.iter().enumerate() {
        let Example::Boxes { found, truth } = example else { return Err(OTHER_SHAPE) };
        let mut number = |class| {
            let next = numbers.len();
            *numbers.entry(class).or_insert(next)
        };
        for object in truth {
            let (class, at) = (number(object.class.as_str()), BoundingBox::new(object.corners)?);
            objects.push(TrueBox { image, class, at });
        }
        for one in found {
            let (class, at) = (number(one.class.as_str()), BoundingBox::new(one.corners)?);
            detections.push(DetectedBox { image, class, at, score: one.score });
        }
    }
    Ok(vision::detection_map(&objects, &detections, examples.len(), numbers.len())?.map)
}

/// The mean sensitivity over rates of false marks.
pub(super) fn froc(examples: &[&Example]) -> Result<f64, NoValue> {
    let mut images = Vec::new();
    for example in examples {
        let Example::Marks { lesions, marks } = example else { return Err(OTHER_SHAPE) };
        let marks = marks.iter().map(|mark| LesionMark { score: mark.score, lesion: mark.lesion });
        images.push(FrocImage { lesions: *lesions, marks: marks.collect() });
    }
    Ok(vision::froc(&images, &FALSE_MARKS)?.mean)
}
