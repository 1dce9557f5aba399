//! A value for each variable, made from what its file says of it. The same seed makes the same value.

use regex_syntax::hir::{Class, Hir, HirKind};
use toml::{Table, Value};

use super::raw;

/// A small generator: the values only have to differ.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// A value that a variable takes; `in_host` where it stands in one.
pub(super) fn value(name: &str, variable: &Table, seed: u64, in_host: bool) -> String {
    if let Some(options) = variable.get("options").and_then(Value::as_table) {
        let default = raw::text(variable, "default");
        let values: Vec<&str> = options.iter().filter_map(|(_, value)| value.as_str()).collect();
        // Another than the default, so that leaving it out is seen.
        return values.iter().rev().find(|value| Some(**value) != default).unwrap_or(&values[0]).to_string();
    }
    if let Some(pattern) = raw::text(variable, "pattern") {
        return of_pattern(pattern, seed);
    }
    if in_host {
        return format!("t{seed}");
    }
    // Signs that every encoding must carry.
    format!("{name} {seed}+&=/%?~'x")
}

/// A text that a pattern matches: letters where it leaves the choice.
pub(super) fn of_pattern(pattern: &str, seed: u64) -> String {
    let hir = regex_syntax::parse(pattern).unwrap();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text = String::new();
    write(&hir, &mut dice, &mut text);
    text
}

fn write(hir: &Hir, dice: &mut Dice, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).unwrap()),
        HirKind::Class(class) => text.push(member(class, dice)),
        HirKind::Repetition(repetition) => {
            let usual = if matches!(repetition.sub.kind(), HirKind::Class(_)) { 7 } else { 1 };
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..usual.clamp(repetition.min, most.max(repetition.min)) {
                write(&repetition.sub, dice, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, dice, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, dice, text)),
        HirKind::Alternation(choices) => write(&choices[dice.roll(choices.len())], dice, text),
    }
}

fn member(class: &Class, dice: &mut Dice) -> char {
    let Class::Unicode(class) = class else { panic!("a pattern is about characters") };
    let holds = |c: &char| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(c));
    let groups = [('a'..='z'), ('0'..='9'), ('A'..='Z'), ('!'..='~')];
    let group: Vec<char> = groups
        .into_iter()
        .map(|group| group.filter(holds).collect())
        .find(|g: &Vec<char>| !g.is_empty())
        .unwrap();
    group[dice.roll(group.len())]
}
