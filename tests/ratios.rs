//! What the pairs of a benchmark come to.

/// How many times as much, of several pairs in one run.
pub fn spread(ratios: &mut [f64]) -> String {
    let median = median(ratios);
    format!("{median:.2} ({:.2} to {:.2} of {} pairs)", ratios[0], ratios[ratios.len() - 1], ratios.len())
}

/// The one in the middle, of these in order.
pub fn median(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}
