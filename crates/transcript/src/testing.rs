//! Transcripts that are INSECURE on purpose, for tests that show what each absorbed message is good for.
//!
//! Compiled only with the feature `test-transcript`, which is never on by default and which no shipped crate turns on:
//! only dev-dependencies name it. [`under`] runs prover or verifier on the calling thread with [`Rules`]: leave
//! out the messages of one label, draw challenges from label and counter alone, absorb another message than the one that was
//! said. It returns what was absorbed and drawn.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use sha2::{Digest, Sha512};

use crate::CHALLENGE_BYTES;

/// What happened on a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A message was absorbed, or left out.
    Absorbed(&'static [u8], Vec<u8>),
    /// A challenge was drawn.
    Drawn(&'static [u8], [u8; CHALLENGE_BYTES]),
}

impl Said {
    /// The label.
    #[must_use]
    pub fn label(&self) -> &'static [u8] {
        match self {
            Self::Absorbed(label, _) | Self::Drawn(label, _) => label,
        }
    }
}

/// Makes another message of the one that is said, knowing all that was said before.
type Replace = Box<dyn Fn(&[u8], &[Said]) -> Vec<u8>>;

/// How transcripts misbehave.
#[derive(Default)]
pub struct Rules {
    ignored: Option<&'static [u8]>,
    frozen: bool,
    fixed: Option<(&'static [u8], [u8; CHALLENGE_BYTES])>,
    replaced: Vec<(&'static [u8], usize, Replace)>,
    log: Vec<Said>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Rules(..)")
    }
}

impl Rules {
    /// Leave out every message under `label`.
    #[must_use]
    pub fn ignoring(mut self, label: &'static [u8]) -> Self {
        self.ignored = Some(label);
        self
    }

    /// Draw challenges that depend on nothing but the label and how often it was drawn.
    #[must_use]
    pub fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }

    /// Draw `challenge` whenever a challenge `label` is due.
    #[must_use]
    pub fn fixing(mut self, label: &'static [u8], challenge: [u8; CHALLENGE_BYTES]) -> Self {
        self.fixed = Some((label, challenge));
        self
    }

    /// Absorb another message in the place of number `number` under `label`.
    #[must_use]
    pub fn replacing(
        mut self,
        label: &'static [u8],
        number: usize,
        replace: impl Fn(&[u8], &[Said]) -> Vec<u8> + 'static,
    ) -> Self {
        self.replaced.push((label, number, Box::new(replace)));
        self
    }
}

thread_local! {
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

/// Ends the rules also when a test panics.
struct Ending;

impl Drop for Ending {
    fn drop(&mut self) {
        drop(RULES.take());
    }
}

/// Run `work` with all transcripts of this thread under `rules`; return its result and what was said.
pub fn under<T>(rules: Rules, work: impl FnOnce() -> T) -> (T, Vec<Said>) {
    RULES.set(Some(rules));
    let ending = Ending;
    let result = work();
    let log = RULES.take().map_or_else(Vec::new, |rules| rules.log);
    drop(ending);
    (result, log)
}

/// The message that is absorbed in the place of `message`; None for none.
pub(crate) fn absorbed<'a>(label: &'static [u8], message: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    RULES.with_borrow_mut(|slot| {
        let Some(rules) = slot else {
            return Some(Cow::Borrowed(message));
        };
        let before = rules
            .log
            .iter()
            .filter(|said| matches!(said, Said::Absorbed(other, _) if *other == label))
            .count();
        let replacement = rules
            .replaced
            .iter()
            .find(|(other, number, _)| *other == label && *number == before)
            .map(|(_, _, replace)| replace(message, &rules.log));
        let message = replacement.map_or(Cow::Borrowed(message), Cow::Owned);
        rules.log.push(Said::Absorbed(label, message.to_vec()));
        (rules.ignored != Some(label)).then_some(message)
    })
}

/// Note a challenge, or overwrite it.
pub(crate) fn drawn(label: &'static [u8], challenge: &mut [u8; CHALLENGE_BYTES]) {
    RULES.with_borrow_mut(|slot| {
        let Some(rules) = slot else { return };
        if rules.frozen {
            let before = rules
                .log
                .iter()
                .filter(|said| matches!(said, Said::Drawn(other, _) if *other == label))
                .count();
            let hash = Sha512::new()
                .chain_update(label)
                .chain_update((before as u64).to_le_bytes());
            *challenge = hash.finalize().into();
        }
        if let Some((_, fixed)) = rules.fixed.filter(|(other, _)| *other == label) {
            *challenge = fixed;
        }
        rules.log.push(Said::Drawn(label, *challenge));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transcript;

    fn challenge(message: &[u8]) -> [u8; 64] {
        let mut transcript = Transcript::new(b"test");
        transcript.absorb(b"a", b"first");
        transcript.absorb(b"b", message);
        transcript.challenge(b"c")
    }

    #[test]
    fn without_rules_nothing_changes() {
        let (watched, log) = under(Rules::default(), || challenge(b"x"));
        assert_eq!(watched, challenge(b"x"));
        let expected = [
            Said::Absorbed(b"a", b"first".to_vec()),
            Said::Absorbed(b"b", b"x".to_vec()),
            Said::Drawn(b"c", watched),
        ];
        assert_eq!(log, expected);
        assert_eq!(log[2].label(), b"c");
    }

    #[test]
    fn an_ignored_message_does_not_count_and_others_do() {
        let ignoring = |label, message: &'static [u8]| {
            under(Rules::default().ignoring(label), move || challenge(message)).0
        };
        assert_eq!(ignoring(b"b", b"x"), ignoring(b"b", b"y"));
        assert_ne!(ignoring(b"a", b"x"), ignoring(b"a", b"y"));
    }

    #[test]
    fn frozen_challenges_depend_on_label_and_counter() {
        let frozen =
            |message: &'static [u8]| under(Rules::default().frozen(), move || challenge(message)).0;
        assert_eq!(frozen(b"x"), frozen(b"y"));
        assert_ne!(frozen(b"x"), challenge(b"x"));
    }

    #[test]
    fn a_fixed_challenge_is_what_it_was_said_to_be() {
        let fixed = |label| under(Rules::default().fixing(label, [3; 64]), || challenge(b"x")).0;
        assert_eq!(fixed(b"c"), [3; 64]);
        assert_eq!(fixed(b"d"), challenge(b"x"));
    }

    #[test]
    fn a_replaced_message_counts_as_said() {
        let rules = Rules::default().replacing(b"b", 0, |message, before| {
            assert_eq!((message, before.len()), (b"x".as_slice(), 1));
            b"y".to_vec()
        });
        assert_eq!(under(rules, || challenge(b"x")).0, challenge(b"y"));
    }

    #[test]
    fn rules_end_with_the_work_even_when_it_panics() {
        let panicked =
            std::panic::catch_unwind(|| under(Rules::default().frozen(), || panic!("as planned")));
        assert!(panicked.is_err());
        assert_ne!(challenge(b"x"), challenge(b"y"));
    }
}
