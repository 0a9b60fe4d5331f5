use proptest::array::uniform4;
use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::evaluate::NoValue;
use crate::evaluate::vision::BothEmpty;
use crate::evaluate::vision::BoundingBox;
use crate::evaluate::vision::DetectedBox;
use crate::evaluate::vision::FrocImage;
use crate::evaluate::vision::LesionMark;
use crate::evaluate::vision::TrueBox;
use crate::evaluate::vision::detection_map;
use crate::evaluate::vision::dice;
use crate::evaluate::vision::froc;
use crate::evaluate::vision::iou;
use crate::evaluate::vision::macro_dice;
use crate::evaluate::vision::macro_iou;

fn bounding_box(corners: [f64; 4]) -> BoundingBox {
    BoundingBox::new(corners).unwrap()
}

#[test]
fn masks_of_different_sizes_are_refused_and_empty_ones_score_as_asked() {
    let wrong = iou(&[true], &[true, false], BothEmpty::One);
    assert!(matches!(wrong, Err(NoValue::Invalid(_))));
    assert!(matches!(dice(&[false], &[false], BothEmpty::Undefined), Err(NoValue::Undefined(_))));
    assert_eq!(dice(&[], &[], BothEmpty::One), Ok(1.0));
    assert_eq!(macro_iou(&[1, 1], &[1, 1], &[1, 2], BothEmpty::One), Ok(1.0));
    let absent = macro_dice(&[1, 1], &[1, 1], &[1, 2], BothEmpty::Undefined);
    assert!(matches!(absent, Err(NoValue::Undefined(_))));
    assert!(matches!(macro_dice(&[1], &[1], &[], BothEmpty::One), Err(NoValue::Undefined(_))));
}

#[test]
fn boxes_have_corners_the_right_way_round() {
    for corners in [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, f64::NAN, 1.0]] {
        assert!(matches!(BoundingBox::new(corners), Err(NoValue::Invalid(_))), "{corners:?}");
    }
    let line = bounding_box([0.0, 0.0, 0.0, 5.0]);
    assert_eq!(line.iou(&line), 0.0);
}

#[test]
fn what_is_found_exactly_has_full_precision_and_a_second_hit_is_false() {
    let at = bounding_box([0.0, 0.0, 10.0, 10.0]);
    let truth = [TrueBox { image: 0, class: 1, at }, TrueBox { image: 1, class: 1, at }];
    let found = |image, score| DetectedBox { image, class: 1, at, score };
    let all = detection_map(&truth, &[found(0, 0.9), found(1, 0.8)], 2, 3).unwrap();
    assert_eq!((all.map50, all.per_class.clone()), (1.0, vec![None, Some(all.map), None]));
    assert!((all.map - 1.0).abs() < 1e-12 && (all.map75 - 1.0).abs() < 1e-12);
    let twice = detection_map(&truth, &[found(0, 0.9), found(0, 0.8), found(1, 0.7)], 2, 3).unwrap();
    let expected = (51.0 + 50.0 * 2.0 / 3.0) / 101.0;
    assert!((twice.map - expected).abs() < 1e-12, "{}", twice.map);
    assert_eq!(detection_map(&truth, &[], 2, 3).unwrap().map, 0.0);
}

#[test]
fn detections_outside_the_images_and_classes_are_refused() {
    let at = bounding_box([0.0, 0.0, 1.0, 1.0]);
    let truth = [TrueBox { image: 0, class: 0, at }];
    let found = DetectedBox { image: 0, class: 0, at, score: 0.5 };
    for wrong in [
        DetectedBox { image: 1, ..found },
        DetectedBox { class: 1, ..found },
        DetectedBox { score: f64::NAN, ..found },
    ] {
        assert!(matches!(detection_map(&truth, &[wrong], 1, 1), Err(NoValue::Invalid(_))), "{wrong:?}");
    }
    assert!(matches!(detection_map(&[], &[found], 1, 1), Err(NoValue::Undefined(_))));
}

#[test]
fn sensitivity_is_read_between_and_beyond_the_points_of_the_curve() {
    let mark = |score, lesion| LesionMark { score, lesion };
    let marks = vec![mark(0.9, Some(0)), mark(0.8, None), mark(0.7, Some(1)), mark(0.6, Some(1))];
    let images = [FrocImage { lesions: 2, marks }];
    let read = froc(&images, &[0.0, 0.5, 1.0, 9.0]).unwrap();
    assert_eq!(read.sensitivity, [0.5, 0.75, 1.0, 1.0]);
    let wrong = [FrocImage { lesions: 2, marks: vec![mark(0.9, Some(2))] }];
    assert!(matches!(froc(&wrong, &[1.0]), Err(NoValue::Invalid(_))));
    assert!(matches!(froc(&images, &[-1.0]), Err(NoValue::Invalid(_))));
    assert!(matches!(froc(&images, &[]), Err(NoValue::Undefined(_))));
    assert!(matches!(froc(&[], &[1.0]), Err(NoValue::Undefined(_))));
}

proptest! {
    #[test]
    fn dice_and_iou_tell_the_same_story(pixels in vec((proptest::bool::ANY, proptest::bool::ANY), 1..40)) {
        let (truth, predicted): (Vec<bool>, Vec<bool>) = pixels.into_iter().unzip();
        let dice = dice(&truth, &predicted, BothEmpty::One).unwrap();
        let iou = iou(&truth, &predicted, BothEmpty::One).unwrap();
        prop_assert!((dice - 2.0 * iou / (1.0 + iou)).abs() < 1e-12);
    }

    #[test]
    fn overlap_of_boxes_is_symmetric_and_a_share(one in uniform4(-9.0..9.0), other in uniform4(-9.0..9.0)) {
        let sorted = |[a, b, c, d]: [f64; 4]| bounding_box([a.min(c), b.min(d), a.max(c), b.max(d)]);
        let (one, other) = (sorted(one), sorted(other));
        prop_assert_eq!(one.iou(&other), other.iou(&one));
        prop_assert!((0.0..=1.0).contains(&one.iou(&other)));
        prop_assert!((one.iou(&one) - 1.0).abs() < 1e-9 || one.iou(&one) == 0.0);
    }
}
