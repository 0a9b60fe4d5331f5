use crate::evaluate::NoValue;
use crate::evaluate::clustering::Distance;
use crate::evaluate::clustering::calinski_harabasz;
use crate::evaluate::clustering::davies_bouldin;
use crate::evaluate::clustering::silhouette;
use crate::evaluate::clustering::silhouette_samples;

fn points(values: &[f64]) -> Vec<Vec<f64>> {
    values.iter().map(|value| vec![*value]).collect()
}

fn undefined<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Undefined(_)))
}

fn invalid<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Invalid(_)))
}

#[test]
fn one_cluster_or_as_many_as_points_have_no_contrast() {
    let line = points(&[0.0, 1.0, 2.0]);
    for labels in [[0, 0, 0], [0, 1, 2]] {
        assert!(undefined(silhouette(&line, &labels, Distance::Euclidean)));
        assert!(undefined(davies_bouldin(&line, &labels)) && undefined(calinski_harabasz(&line, &labels)));
    }
    assert!(undefined(silhouette::<u8>(&[], &[], Distance::Euclidean)));
}

#[test]
fn what_cannot_be_right_is_refused() {
    let labels = ["a", "a", "b"];
    let check = |points: &[Vec<f64>]| {
        assert!(invalid(silhouette_samples(points, &labels, Distance::Manhattan)), "{points:?}");
        assert!(invalid(calinski_harabasz(points, &labels)), "{points:?}");
    };
    check(&points(&[0.0, 1.0]));
    check(&points(&[0.0, f64::NAN, 1.0]));
    check(&[vec![0.0], vec![1.0, 2.0], vec![3.0]]);
    check(&[vec![], vec![], vec![]]);
}

#[test]
fn equal_points_have_no_spread_whatever_their_digits() {
    let same = points(&[0.1; 7]);
    let labels = [0, 0, 0, 1, 1, 1, 1];
    assert_eq!(silhouette(&same, &labels, Distance::Euclidean), Ok(0.0));
    assert_eq!(davies_bouldin(&same, &labels), Ok(0.0));
    assert!(undefined(calinski_harabasz(&same, &labels)));
}

#[test]
fn centres_that_differ_by_rounding_alone_coincide() {
    // Both centres are 0.3, but not to the last bit.
    assert!(undefined(davies_bouldin(&points(&[0.1, 0.5, 0.2, 0.4]), &[0, 0, 1, 1])));
}

#[test]
fn an_offset_or_a_scale_does_not_change_the_silhouette() {
    let shape = [0.0, 1.0, 8.0, 9.5, 0.5];
    let labels = [0, 0, 1, 1, 0];
    let silhouette_of = |offset: f64, scale: f64| {
        let values = shape.map(|value| offset + value * scale);
        silhouette(&points(&values), &labels, Distance::Euclidean).unwrap()
    };
    let plain = silhouette_of(0.0, 1.0);
    for (offset, scale) in [(1e15, 2.0), (0.0, 1e200), (0.0, 1e-200)] {
        let got = silhouette_of(offset, scale);
        assert!((got - plain).abs() < 1e-12, "{offset} {scale}: got {got}, expected {plain}");
    }
}

#[test]
fn the_cosine_sees_only_angles_and_has_none_at_the_origin() {
    let rays = |long: f64| vec![vec![1.0, 0.0], vec![long, 0.0], vec![0.0, long], vec![0.0, 1.0]];
    assert_eq!(silhouette(&rays(1e180), &[0, 0, 1, 1], Distance::Cosine), Ok(1.0));
    let with_origin = vec![vec![0.0, 0.0], vec![1.0, 0.0], vec![0.0, 1.0]];
    assert!(undefined(silhouette(&with_origin, &[0, 0, 1], Distance::Cosine)));
}
