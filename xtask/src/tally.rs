//! Counting what ran: the words of cargo's test harness and of pytest, read strictly.

use std::iter::Sum;

/// Tests of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed, errors included.
    pub failed: u64,
    /// Tests that did not run: ignored or skipped.
    pub skipped: u64,
}

impl Tally {
    /// One check that is no test of a harness.
    pub fn of_check(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            skipped: 0,
        }
    }

    /// Tests that ran.
    pub fn ran(self) -> u64 {
        self.passed + self.failed
    }

    /// Adds up every `test result:` line of Rust's harness; nothing when there is none.
    pub fn of_rust(output: &str) -> Option<Self> {
        let mut results = output
            .lines()
            .filter_map(|line| line.trim().strip_prefix("test result: "))
            .peekable();
        results.peek()?;
        Some(results.map(|line| Self::of_words(line, &[';', '.'])).sum())
    }

    /// Reads pytest's last line, such as `3 failed, 10 passed, 1 skipped in 2.1s`.
    pub fn of_pytest(output: &str) -> Option<Self> {
        let last = output.lines().rev().find(|line| {
            line.contains(" in ")
                && [" passed", " failed", " error", " skipped"]
                    .iter()
                    .any(|word| line.contains(word))
        })?;
        Some(Self::of_words(last.trim_matches(['=', ' ']), &[',']))
    }

    fn of_words(line: &str, separators: &[char]) -> Self {
        let mut tally = Self::default();
        for part in line.split(separators) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (
                words.next().and_then(|count| count.parse::<u64>().ok()),
                words.next(),
            ) else {
                continue;
            };
            match what {
                "passed" => tally.passed += count,
                "failed" | "error" | "errors" => tally.failed += count,
                "ignored" | "skipped" | "xfailed" | "deselected" => tally.skipped += count,
                _ => {}
            }
        }
        tally
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            passed: sum.passed + tally.passed,
            failed: sum.failed + tally.failed,
            skipped: sum.skipped + tally.skipped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn every_result_line_of_the_rust_harness_counts() {
        let output = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
                      test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 9 filtered out\n";
        assert_eq!(
            Tally::of_rust(output),
            Some(Tally {
                passed: 5,
                failed: 4,
                skipped: 1
            })
        );
        assert_eq!(Tally::of_rust("error: could not compile"), None);
    }

    #[test]
    fn the_last_line_of_pytest_counts_errors_as_failures() {
        let read = |line| Tally::of_pytest(line);
        assert_eq!(
            read("== 1 failed, 10 passed, 2 skipped, 1 error in 3.21s =="),
            Some(Tally {
                passed: 10,
                failed: 2,
                skipped: 2
            })
        );
        assert_eq!(
            read("12 passed in 0.05s"),
            Some(Tally {
                passed: 12,
                failed: 0,
                skipped: 0
            })
        );
        assert_eq!(read("no tests ran in 0.01s"), None);
    }
}
