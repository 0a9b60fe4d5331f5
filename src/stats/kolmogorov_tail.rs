//! The distribution of Kolmogorov's statistic: the largest distance of n uniform values from their distribution.
//!
//! No one formula serves everywhere; which does where follows Simard and L'Ecuyer 2011. Far out twice the one-sided
//! probability, which is then exact or nearly so; near the middle the matrix power of Durbin (1973; Marsaglia, Tsang
//! and Wang 2003) for few values and the expansion of Pelz and Good (1976) for many.

use std::f64::consts::PI;
use std::f64::consts::TAU;

use crate::stats::tails::ln_choose;

/// P(D > d) for the two-sided statistic of `n` values, a whole number.
pub(super) fn kolmogorov_survival(n: f64, d: f64) -> f64 {
    let reach = n * d;
    let square = reach * d;
    let many = n > 140.0;
    if reach <= 0.5 {
        1.0
    } else if d >= 1.0 {
        0.0
    } else if d >= 0.5 || square > if many { 2.2 } else { 4.0 } {
        2.0 * one_sided_survival(n, d)
    } else if many && (n > 100_000.0 || n * d.powf(1.5) > 1.4) {
        1.0 - pelz_good(n, d)
    } else {
        1.0 - durbin(n, d)
    }
}

/// P(D+ >= d), the sum of Smirnov (1944) and of Birnbaum and Tingey (1951); all its terms are positive.
fn one_sided_survival(n: f64, d: f64) -> f64 {
    let ln_term = |j: f64| {
        let (below, above) = (d + j / n, 1.0 - d - j / n);
        let rest = if above > 0.0 {
            (n - j) * above.ln()
        } else if n == j {
            0.0
        } else {
            f64::NEG_INFINITY
        };
        ln_choose(n, j) + (j - 1.0) * below.ln() + rest
    };
    let terms = (n * (1.0 - d)).floor() as u64;
    (0..=terms).map(|j| (d.ln() + ln_term(j as f64)).exp()).sum()
}

/// P(D < d) by Durbin's matrix, of about 2 n d rows, to the n-th power.
fn durbin(n: f64, d: f64) -> f64 {
    let k = (n * d).ceil();
    let h = k - n * d;
    let size = 2 * k as usize - 1;
    let mut matrix = Matrix::zero(size);
    for row in 0..size {
        for column in 0..size.min(row + 2) {
            matrix.set(row, column, 1.0);
        }
    }
    for i in 0..size {
        let less = h.powi(i as i32 + 1);
        matrix.set(i, 0, matrix.at(i, 0) - less);
        matrix.set(size - 1, size - 1 - i, matrix.at(size - 1, size - 1 - i) - less);
    }
    matrix.set(size - 1, 0, matrix.at(size - 1, 0) + (2.0 * h - 1.0).max(0.0).powi(size as i32));
    for row in 0..size {
        let mut factorial = 1.0;
        for below in 1..=row + 1 {
            factorial *= below as f64;
            let column = row + 1 - below;
            matrix.set(row, column, matrix.at(row, column) / factorial);
        }
    }
    let (power, ln_scale) = matrix.power(n as u64);
    let middle = k as usize - 1;
    let ln_orders = (1..=n as u64).map(|i| (i as f64 / n).ln()).sum::<f64>();
    (power.at(middle, middle).ln() + ln_scale + ln_orders).exp().min(1.0)
}

/// A square matrix, row by row.
#[derive(Clone)]
struct Matrix {
    size: usize,
    cells: Vec<f64>,
}

impl Matrix {
    fn zero(size: usize) -> Self {
        Self { size, cells: vec![0.0; size * size] }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        self.cells[row * self.size + column] = value;
    }

    fn times(&self, other: &Matrix) -> Matrix {
        let mut product = Matrix::zero(self.size);
        let rows = product.cells.chunks_mut(self.size).zip(self.cells.chunks(self.size));
        for (into, row) in rows {
            for (factor, with) in row.iter().zip(other.cells.chunks(self.size)) {
                into.iter_mut().zip(with).for_each(|(cell, other)| *cell += factor * other);
            }
        }
        product
    }

    /// The power divided by a scale that keeps it within the range of numbers, and the logarithm of that scale.
    fn power(&self, exponent: u64) -> (Matrix, f64) {
        if exponent == 1 {
            return (self.clone(), 0.0);
        }
        let (half, ln_half) = self.power(exponent / 2);
        let squared = half.times(&half);
        let mut whole = if exponent % 2 == 1 { squared.times(self) } else { squared };
        let largest = whole.cells.iter().fold(f64::MIN_POSITIVE, |largest, cell| largest.max(cell.abs()));
        whole.cells.iter_mut().for_each(|cell| *cell /= largest);
        (whole, 2.0 * ln_half + largest.ln())
    }
}

/// P(D <= d) by the four terms of Pelz and Good's expansion in powers of 1 / sqrt(n), with z = d sqrt(n); the
/// coefficients as Simard and L'Ecuyer give them (2011, section 2.4).
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = d * n.sqrt();
    let (z2, pi2) = (z * z, PI * PI);
    let (z4, z6, z8) = (z2 * z2, z2 * z2 * z2, z2 * z2 * z2 * z2);
    let (pi4, pi6) = (pi2 * pi2, pi2 * pi2 * pi2);
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    for k in 0..20 {
        // The sums run over all positive half-integers h.
        let h2 = (f64::from(k) + 0.5).powi(2);
        let weight = (-pi2 * h2 / (2.0 * z2)).exp();
        k0 += weight;
        k1 += weight * (pi2 * h2 - z2);
        k2 += weight
            * (6.0 * z6 + 2.0 * z4 + pi2 * (2.0 * z4 - 5.0 * z2) * h2 + pi4 * (1.0 - 2.0 * z2) * h2 * h2);
        k3 += weight
            * (pi6 * (5.0 - 30.0 * z2) * h2 * h2 * h2
                + pi4 * (212.0 * z4 - 60.0 * z2) * h2 * h2
                + pi2 * (135.0 * z4 - 96.0 * z6) * h2
                - 30.0 * z6
                - 90.0 * z8);
    }
    let (mut whole2, mut whole3) = (0.0, 0.0);
    for k in 1..20 {
        let k2 = f64::from(k).powi(2);
        let weight = k2 * (-pi2 * k2 / (2.0 * z2)).exp();
        whole2 += weight * pi2;
        whole3 += weight * (3.0 * pi2 * z2 - pi4 * k2);
    }
    let terms = [
        k0 / z,
        k1 / (6.0 * z4),
        k2 / (72.0 * z.powi(7)) - whole2 / (36.0 * z.powi(3)),
        k3 / (6480.0 * z.powi(10)) + whole3 / (216.0 * z6),
    ];
    TAU.sqrt() * terms.iter().rev().fold(0.0, |sum, term| sum / n.sqrt() + term)
}
