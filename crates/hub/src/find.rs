//! Finding a command by plain words: "make it red", "what is there".
//!
//! In come the descriptions of an app's commands, and later somebody's words. Out come the commands
//! that fit, best first, each with what a first call needs. Words meet by their stem; where a word is
//! unknown the nearest known one stands in, so that a slip of the fingers finds its command too. The
//! ranking is BM25 over the fields of a description, a name counting more than a sentence.
//!
//! It runs nothing. Where no word fits, the commands that run code are told: they can do the rest.

use std::collections::{BTreeMap, HashMap, HashSet};

use rust_stemmers::{Algorithm, Stemmer};
use serde::Serialize;
use serde_json::{Map, Value};
use wire::{AppId, CommandSpec, Effect};

/// Hits in one answer when nobody says how many.
pub const HITS_DEFAULT: usize = 5;
/// Hits in one answer at most.
pub const HITS_MAX: usize = 20;
/// Characters of a query that are read: more is no request but a text.
pub const QUERY_CHARS_MAX: usize = 400;
/// Bytes of all hits as JSON, so that an answer with its frame stays under 2 KB in an agent's context.
pub const HITS_BYTES_MAX: usize = 1_800;

/// How much a word counts by where it stands.
const NAME_WEIGHT: f64 = 3.0;
const KEYWORD_WEIGHT: f64 = 2.5;
const SUMMARY_WEIGHT: f64 = 1.2;
const ARGUMENT_WEIGHT: f64 = 0.8;
const CHOICE_WEIGHT: f64 = 0.5;
const DOCS_WEIGHT: f64 = 0.25;
/// A phrase of the description that stands whole in the query.
const PHRASE_BONUS: f64 = 4.0;
/// The first word of a request mostly says what to do, the others with what.
const FIRST_WORD: f64 = 1.7;
/// What stands after "the" or "my" is mostly a thing of the open file, not what is to be done.
const OWN_THING: f64 = 0.5;
/// Words like "make" go with everything.
const VAGUE_WORD: f64 = 0.5;
/// BM25's saturation: how soon a word that comes again counts no more.
const SATURATION: f64 = 1.2;
/// Likeness from which an unknown word counts as a slip for a known one.
const NEAR: f64 = 0.88;
/// Hits under this part of the best one's score are left out.
const TAIL: f64 = 0.25;

/// A command that fits.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    pub app: AppId,
    pub command: String,
    pub summary: String,
    pub effect: Effect,
    /// The arguments' names, required ones with a star.
    pub args: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Map<String, Value>>,
    #[serde(skip)]
    pub score: f64,
}

/// The words of one app's commands.
pub struct Index {
    commands: Vec<Entry>,
    /// stem → in how many commands it stands
    spread: HashMap<String, usize>,
}

struct Entry {
    found: Found,
    words: HashMap<String, f64>,
    /// Keywords of several words.
    phrases: Vec<Vec<String>>,
}

impl Index {
    #[must_use]
    pub fn new<'a>(app: &AppId, specs: impl Iterator<Item = &'a CommandSpec>) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let commands: Vec<Entry> = specs.map(|spec| entry(&stemmer, app, spec)).collect();
        let mut spread = HashMap::new();
        for word in commands.iter().flat_map(|entry| entry.words.keys()) {
            *spread.entry(word.clone()).or_insert(0) += 1;
        }
        Self { commands, spread }
    }

    /// The commands that fit, best first, without those far behind the best.
    #[must_use]
    pub fn search(&self, query: &str) -> Vec<Found> {
        let query: String = query.chars().take(QUERY_CHARS_MAX).collect();
        if let Some(entry) = self
            .commands
            .iter()
            .find(|e| e.found.command == query.trim())
        {
            return vec![entry.found.clone()];
        }
        let asked = stems(&Stemmer::create(Algorithm::English), &query);
        let own = own_things(&query);
        let mut words = BTreeMap::new();
        for (at, word) in asked.iter().enumerate() {
            if let Some((known, trust)) = self.known(word) {
                let place = match at {
                    _ if VAGUE_WORDS.contains(&word.as_str()) => VAGUE_WORD,
                    0 => FIRST_WORD,
                    _ if own.contains(word) => OWN_THING,
                    _ => 1.0,
                };
                words.entry(known).or_insert(trust * place);
            }
        }
        let mut hits: Vec<Found> = self
            .commands
            .iter()
            .filter_map(|entry| {
                let score = self.score(entry, &words, &asked);
                let found = entry.found.clone();
                (score > 0.0).then_some(Found { score, ..found })
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.command.cmp(&b.command)));
        if hits.is_empty() {
            // What no command is made for, code can do.
            let runs_code = |e: &&Entry| e.found.effect == Effect::Code;
            return self
                .commands
                .iter()
                .filter(runs_code)
                .map(|e| e.found.clone())
                .collect();
        }
        let least = hits.first().map_or(0.0, |best| best.score * TAIL);
        hits.retain(|hit| hit.score >= least);
        hits
    }

    fn score(&self, entry: &Entry, words: &BTreeMap<String, f64>, asked: &[String]) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of commands")]
        let (all, count) = (self.commands.len() as f64, |n: usize| n as f64);
        let mut score = 0.0;
        let mut met = 0.0;
        for (word, trust) in words {
            let Some(weight) = entry.words.get(word) else {
                continue;
            };
            let spread = count(self.spread.get(word).copied().unwrap_or(0));
            let rarity = ((all - spread + 0.5) / (spread + 0.5) + 1.0).ln();
            score += trust * rarity * weight * (SATURATION + 1.0) / (weight + SATURATION);
            met += trust;
        }
        if score == 0.0 {
            return 0.0;
        }
        let phrases = entry
            .phrases
            .iter()
            .filter(|phrase| stands_in(phrase, asked));
        let bonus: f64 = phrases
            .map(|phrase| PHRASE_BONUS * count(phrase.len()).sqrt())
            .sum();
        // A command that meets every word beats one that meets a rare word well.
        let whole = met / words.values().sum::<f64>();
        (score + bonus) * (0.4 + 0.6 * whole)
    }

    /// The word as the index has it, and how much it can be trusted.
    fn known(&self, word: &str) -> Option<(String, f64)> {
        if self.spread.contains_key(word) {
            return Some((word.to_owned(), 1.0));
        }
        let near = self
            .spread
            .keys()
            // A slip rarely hits the first letter.
            .filter(|known| {
                word.len() > 3 && known.len() > 3 && known.chars().next() == word.chars().next()
            })
            .map(|known| (strsim::jaro_winkler(word, known), known))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
        (near.0 >= NEAR).then(|| (near.1.clone(), near.0 * 0.8))
    }
}

/// The hits of several apps as one list in the bounds of an answer. At least the best one stays.
#[must_use]
pub fn best(mut hits: Vec<Found>, limit: usize) -> Vec<Found> {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(limit.clamp(1, HITS_MAX));
    let mut bytes = 0;
    let mut kept = Vec::with_capacity(hits.len());
    for hit in hits {
        bytes += serde_json::to_string(&hit).map_or(0, |text| text.len() + 1);
        if bytes > HITS_BYTES_MAX && !kept.is_empty() {
            break;
        }
        kept.push(hit);
    }
    kept
}

fn entry(stemmer: &Stemmer, app: &AppId, spec: &CommandSpec) -> Entry {
    let mut words: HashMap<String, f64> = HashMap::new();
    let mut add = |text: &str, weight: f64| {
        let unique: HashSet<String> = stems(stemmer, text).into_iter().collect();
        for word in unique {
            *words.entry(word).or_insert(0.0) += weight;
        }
    };
    add(&spec.name.replace(['.', '_'], " "), NAME_WEIGHT);
    for keyword in &spec.keywords {
        add(
            keyword,
            KEYWORD_WEIGHT / if keyword.contains(' ') { 3.0 } else { 1.0 },
        );
    }
    add(&spec.summary, SUMMARY_WEIGHT);
    add(spec.docs.as_deref().unwrap_or_default(), DOCS_WEIGHT);
    for (name, schema) in spec.properties() {
        add(&name.replace('_', " "), ARGUMENT_WEIGHT);
        let choices = schema.get("enum").and_then(Value::as_array);
        for choice in choices.into_iter().flatten().filter_map(Value::as_str) {
            add(&choice.replace('_', " "), CHOICE_WEIGHT);
        }
    }
    let phrases = spec.keywords.iter().map(|keyword| stems(stemmer, keyword));
    Entry {
        phrases: phrases.filter(|phrase| phrase.len() > 1).collect(),
        words,
        found: Found {
            app: app.clone(),
            command: spec.name.clone(),
            summary: spec.summary.clone(),
            effect: spec.effect,
            args: signature(spec),
            example: spec.example.clone(),
            score: 0.0,
        },
    }
}

/// `kind*, name, location`
fn signature(spec: &CommandSpec) -> String {
    let names = spec.properties().map(|(name, _)| {
        let star = if spec.is_required(name) { "*" } else { "" };
        format!("{name}{star}")
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Whether the words of the phrase come in that order in the query, others between them allowed.
fn stands_in(phrase: &[String], asked: &[String]) -> bool {
    let mut asked = asked.iter();
    phrase.iter().all(|word| asked.any(|one| one == word))
}

fn own_things(query: &str) -> HashSet<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let pairs = words
        .windows(2)
        .filter(|pair| POINTING_WORDS.contains(&pair[0].as_str()));
    pairs.flat_map(|pair| stems(&stemmer, &pair[1])).collect()
}

fn stems(stemmer: &Stemmer, text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.contains(char::is_alphabetic) && !EMPTY_WORDS.contains(word))
        .map(|word| stemmer.stem(word).into_owned())
        .collect()
}

/// Stems of words that say little about which command is meant.
const VAGUE_WORDS: &[&str] = &[
    "make", "put", "get", "give", "use", "go", "tell", "show", "have",
];

const POINTING_WORDS: &[&str] = &["the", "this", "that", "my", "its", "these", "those"];

/// Words that say nothing about which command is meant.
const EMPTY_WORDS: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "does", "for", "from",
    "i", "in", "is", "it", "its", "just", "let", "me", "my", "of", "on", "or", "our", "please",
    "s", "so", "some", "that", "the", "their", "them", "then", "these", "this", "to", "us", "want",
    "we", "will", "with", "would", "you", "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
[create]
summary = "Adds a thing."
keywords = ["make", "box"]
effect = "write"
[create.args.kind]
type = "string"
enum = ["cube", "sphere"]
required = true
doc = "What."
[paint]
summary = "Changes how a thing looks."
keywords = ["make it red", "colour"]
effect = "write"
[evaluate]
summary = "Runs code."
effect = "code"
"#;

    fn names(query: &str) -> Vec<String> {
        let specs = CommandSpec::from_toml("thing", TOML).unwrap();
        let index = Index::new(&AppId::new("toy"), specs.iter());
        let hits = index.search(query);
        hits.into_iter().map(|hit| hit.command).collect()
    }

    #[test]
    fn words_meet_by_stem_choice_phrase_and_slip() {
        assert_eq!(names("creating things")[0], "thing.create");
        assert_eq!(names("a SPHERE, please")[0], "thing.create");
        assert_eq!(names("make it really red")[0], "thing.paint");
        assert_eq!(names("colur")[0], "thing.paint");
        assert_eq!(names("thing.paint"), ["thing.paint"]);
    }

    #[test]
    fn what_fits_nothing_is_for_code() {
        for query in ["1+1", "", "the", "xyzzy", "\u{0}"] {
            assert_eq!(names(query), ["thing.evaluate"], "{query:?}");
        }
    }

    #[test]
    fn an_answer_has_bounds() {
        let specs = CommandSpec::from_toml("thing", TOML).unwrap();
        let mut specs: Vec<CommandSpec> = std::iter::repeat_n(specs[0].clone(), 50).collect();
        for spec in &mut specs {
            spec.summary = "word ".repeat(200);
        }
        let index = Index::new(&AppId::new("toy"), specs.iter());
        let hits = best(index.search(&"word ".repeat(10_000)), HITS_MAX);
        assert_eq!(hits.len(), 1, "the best one stays, whatever its size");
    }
}
