//! Masks, boxes and lesions.

use crossfade::evaluate::NoValue;
use crossfade::evaluate::vision::BothEmpty;
use crossfade::evaluate::vision::BoundingBox;
use crossfade::evaluate::vision::DetectedBox;
use crossfade::evaluate::vision::DetectionMap;
use crossfade::evaluate::vision::FrocImage;
use crossfade::evaluate::vision::LesionMark;
use crossfade::evaluate::vision::TrueBox;
use crossfade::evaluate::vision::detection_map;
use crossfade::evaluate::vision::dice;
use crossfade::evaluate::vision::froc;
use crossfade::evaluate::vision::iou;
use crossfade::evaluate::vision::macro_dice;
use crossfade::evaluate::vision::macro_iou;
use serde_json::Value;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    Some(match case.metric.as_str() {
        "dice" => Computed::metric(masks(case, dice, macro_dice)),
        "iou" => Computed::metric(masks(case, iou, macro_iou)),
        "box_iou" => {
            let both = bounding_box(case.input("a")).and_then(|a| Ok((a, bounding_box(case.input("b"))?)));
            Computed::metric(both.map(|(a, b)| a.iou(&b)))
        }
        "detection_map_coco" => Computed::metric(detections(case)),
        "froc" => {
            let rates: Vec<f64> =
                case.params["fp_per_image"].as_array()?.iter().map(|rate| number(rate).unwrap()).collect();
            Computed::metric(images(case).and_then(|images| froc(&images, &rates)))
        }
        _ => return None,
    })
}

fn masks(
    case: &Case,
    binary: impl Fn(&[bool], &[bool], BothEmpty) -> Result<f64, NoValue>,
    macro_average: impl Fn(&[i64], &[i64], &[i64], BothEmpty) -> Result<f64, NoValue>,
) -> Result<f64, NoValue> {
    let empty = match case.params["empty"].as_str() {
        None => BothEmpty::Undefined,
        Some("one") => BothEmpty::One,
        Some(other) => panic!("unknown value for empty masks `{other}`"),
    };
    if shape(case.input("y_true")) != shape(case.input("y_pred")) {
        return Err(NoValue::Invalid("the masks differ in shape"));
    }
    let (truth, predicted) = (pixels(case.input("y_true"))?, pixels(case.input("y_pred"))?);
    match case.params["average"].as_str() {
        None => binary(&flags(&truth)?, &flags(&predicted)?, empty),
        Some("macro") => macro_average(&truth, &predicted, &pixels(&case.params["labels"])?, empty),
        Some(other) => panic!("unknown average `{other}`"),
    }
}

/// The lengths of a nested list, outermost first.
fn shape(mask: &Value) -> Vec<usize> {
    let Some(rows) = mask.as_array() else { return Vec::new() };
    let mut shape = vec![rows.len()];
    shape.extend(rows.first().map(self::shape).unwrap_or_default());
    shape
}

/// The numbers in a nested list.
fn pixels(mask: &Value) -> Result<Vec<i64>, NoValue> {
    match mask.as_array() {
        Some(rows) => Ok(rows.iter().map(pixels).collect::<Result<Vec<_>, _>>()?.concat()),
        None => Ok(vec![mask.as_i64().ok_or(NoValue::Invalid("a pixel is no whole number"))?]),
    }
}

fn flags(pixels: &[i64]) -> Result<Vec<bool>, NoValue> {
    let flag = |pixel: &i64| match pixel {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(NoValue::Invalid("a pixel is neither 0 nor 1")),
    };
    pixels.iter().map(flag).collect()
}

fn bounding_box(corners: &Value) -> Result<BoundingBox, NoValue> {
    let corners: Vec<f64> =
        corners.as_array().unwrap().iter().map(|corner| number(corner).unwrap()).collect();
    BoundingBox::new(corners.try_into().map_err(|_| NoValue::Invalid("a box has four numbers"))?)
}

fn detections(case: &Case) -> Result<DetectionMap, NoValue> {
    assert_eq!(case.params["iou_thresholds"], "0.50:0.05:0.95");
    assert_eq!((&case.params["recall_points"], &case.params["max_dets"]), (&101.into(), &100.into()));
    let place = |object: &Value, key: &str| object[key].as_u64().unwrap() as usize;
    let of = |key: &str| case.input(key).as_array().unwrap().iter();
    let truth = of("ground_truth").map(|object| {
        let (image, class) = (place(object, "image"), place(object, "class"));
        Ok(TrueBox { image, class, at: bounding_box(&object["box"])? })
    });
    let detected = of("detections").map(|object| {
        let (image, class) = (place(object, "image"), place(object, "class"));
        let score = number(&object["score"]).unwrap();
        Ok(DetectedBox { image, class, at: bounding_box(&object["box"])?, score })
    });
    detection_map(
        &truth.collect::<Result<Vec<_>, _>>()?,
        &detected.collect::<Result<Vec<_>, _>>()?,
        case.count("n_images") as usize,
        case.count("n_classes") as usize,
    )
}

fn images(case: &Case) -> Result<Vec<FrocImage>, NoValue> {
    let mark = |mark: &Value| {
        let lesion = match mark["lesion"].as_i64().unwrap() {
            -1 => None,
            lesion => Some(usize::try_from(lesion).map_err(|_| NoValue::Invalid("no such lesion"))?),
        };
        Ok(LesionMark { score: number(&mark["score"]).unwrap(), lesion })
    };
    let image = |image: &Value| {
        let marks = image["detections"].as_array().unwrap().iter().map(mark);
        Ok(FrocImage {
            lesions: image["lesions"].as_u64().unwrap() as usize,
            marks: marks.collect::<Result<Vec<_>, _>>()?,
        })
    };
    case.input("images").as_array().unwrap().iter().map(image).collect()
}
