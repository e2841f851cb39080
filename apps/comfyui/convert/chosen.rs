//! Prompts with choices: `a {red|blue} car`, with comments `/* … */` and `// …`, as the editor reads them.

/// The text with the first of each choice, without comments, and the first choice that was taken.
pub(super) fn resolve(text: &str) -> (String, Option<String>) {
    let text = without_comments(text);
    let mut out = String::with_capacity(text.len());
    let mut first = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if matches!(letters.peek(), Some('{' | '}' | '|')) => out.extend(letters.next()),
            '{' => {
                let (taken, is_choice) = choice(&mut letters);
                out.push_str(&taken);
                if is_choice {
                    first.get_or_insert(taken);
                }
            }
            other => out.push(other),
        }
    }
    (out, first)
}

/// Reads to the closing brace and gives the first choice, with the first choices within it, and whether there is any
/// other.
fn choice(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> (String, bool) {
    // By a depth of our own: a text of braces alone must not use up the stack.
    let (mut taken, mut is_choice) = (String::new(), false);
    // For each open brace: whether its first choice is still being read. And of how many it is not.
    let (mut open, mut past) = (vec![true], 0);
    while let Some(letter) = letters.next() {
        let keeps = past == 0;
        match letter {
            '\\' if matches!(letters.peek(), Some('{' | '}' | '|')) => {
                let escaped = letters.next();
                taken.extend(escaped.filter(|_| keeps));
            }
            '{' => open.push(true),
            '}' => {
                past -= usize::from(open.pop() == Some(false));
                if open.is_empty() {
                    break;
                }
            }
            '|' => {
                is_choice |= keeps;
                if let Some(first) = open.last_mut() {
                    past += usize::from(std::mem::take(first));
                }
            }
            other if keeps => taken.push(other),
            _ => {}
        }
    }
    (taken, is_choice)
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = match from.as_bytes().get(1) {
            Some(b'*') => from[2..].find("*/").map(|end| end + 4),
            Some(b'/') => Some(from.find(['\n', '\r']).unwrap_or(from.len())),
            _ => None,
        };
        match end {
            Some(end) => rest = &from[end..],
            None => {
                out.push('/');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}
