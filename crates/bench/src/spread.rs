//! What is told of the rounds' figures.

use serde::{Deserialize, Serialize};

/// The median and the quartiles around it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Of so many values.
    rounds: usize,
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of one value that is always the same.
    pub(crate) fn exactly(value: f64) -> Self {
        Self {
            rounds: 1,
            low: value,
            median: value,
            high: value,
        }
    }

    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Self {
            rounds: values.len(),
            low: quantile(&values, 0.25),
            median: quantile(&values, 0.5),
            high: quantile(&values, 0.75),
        }
    }

    /// Of too few values nothing is known but the values.
    pub(crate) fn is_known(self) -> bool {
        self.rounds >= 3
    }

    /// In another unit.
    pub(crate) fn scaled(self, by: f64) -> Self {
        Self {
            rounds: self.rounds,
            low: self.low * by,
            median: self.median * by,
            high: self.high * by,
        }
    }

    /// Half of what the middle half of the values spans, in percent of the median. One value tells
    /// nothing of it.
    pub(crate) fn percent(self) -> Option<f64> {
        let percent = (self.high - self.low) / 2.0 / self.median * 100.0;
        (self.rounds > 1).then_some(percent)
    }

    /// The same in six columns.
    pub(crate) fn column(self) -> String {
        match self.percent() {
            None => format!("{:>6}", "-"),
            Some(percent) => format!("{percent:>5.1}%"),
        }
    }
}

/// Between two values, the point on the straight line.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_is_the_median_and_its_quartiles() {
        let spread = Spread::of([5.0, 1.0, 2.0, 4.0, 3.0].into_iter());
        assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 4.0));
        assert!((spread.percent().unwrap() - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!(Spread::of([1.0, 2.0].into_iter()).median, 1.5);
    }

    #[test]
    fn one_round_has_no_spread() {
        assert_eq!(Spread::of([1.0].into_iter()).column(), "     -");
        assert_eq!(Spread::of([1.0, 1.0].into_iter()).column(), "  0.0%");
    }
}
