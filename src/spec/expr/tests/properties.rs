//! What holds for any text and for any expression.

use proptest::prelude::*;

use super::*;
use crate::model::expr::testing::{bools, templates};
use crate::model::expr::{Condition, Template};

const VALID: [&str; 4] = [
    "params.mode == 'fast' && (tasks.build.state != 'FAILED' || !params.deploy-all)",
    "tasks['test[py=3.12]'].exit_code >= -1 && contains(params.hosts, 'it''s') || failure()",
    "./bin:${{ env.PATH }}:${{ default(tasks.build.outputs.version, matrix.os) }}",
    "starts_with(run.os, params['x.y']) == ends_with(env.HOME, '}}') && always()",
];

fn all_of(text: &str) {
    for said in [condition(text), value(Key::Env, text), value(Key::Matrix, text)] {
        assert!(said.len() < 1_000_000);
    }
    let mut mistakes = parse_if(text).err().unwrap_or_default();
    parse_template(text, &mut mistakes);
    for mistake in mistakes {
        assert!(text.is_char_boundary(mistake.at), "{mistake:?}");
        assert!(text.is_char_boundary(mistake.at + mistake.length), "{mistake:?}");
    }
}

fn check_whole(text: &str) -> (Option<Condition>, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let parsed = parse_if(text).map_err(|mistakes| shown(&mistakes)).expect("it is sound");
    (check_if(&parsed, &Double { key: Key::If }, &mut mistakes), mistakes)
}

#[test]
fn valid_texts_are_valid() {
    for text in VALID {
        let said = match text.contains("${{") {
            true => value(Key::Env, text),
            false => condition(text),
        };
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_panic(text in "\\PC{0,60}|[a-z.'\\[\\]()!&|<>=$ {}0-9\"\n-]{0,60}") {
        all_of(&text);
    }

    #[test]
    fn no_damaged_text_makes_a_panic(
        which in 0..VALID.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..5_usize, "[\\PC'\"(){}$!.]{0,2}"), 1..5),
    ) {
        let mut text: Vec<char> = VALID[which].chars().collect();
        for (start, length, new) in cuts {
            let start = start.index(text.len().max(1)).min(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        all_of(&text.into_iter().collect::<String>());
    }

    #[test]
    fn a_printed_expression_is_the_same_again(expr in bools()) {
        let text = expr.to_string();
        let (again, mistakes) = check_whole(&text);
        let errors: Vec<_> = mistakes.iter().filter(|one| one.severity == Severity::Error).collect();
        // A system is compared with texts that none has.
        prop_assume!(!errors.iter().any(|one| one.code == "no-such-value"));
        prop_assert!(errors.is_empty(), "{} {:?}", text, errors);
        let again = again.expect("there is no error");
        prop_assert_eq!(again.expr(), &expr, "{}", text);
    }

    #[test]
    fn a_printed_template_is_the_same_again(template in templates()) {
        let text = template.to_string();
        let mut mistakes = Vec::new();
        let parsed = parse_template(&text, &mut mistakes);
        let again = check_template(&parsed, &Double { key: Key::Env }, &mut mistakes);
        prop_assert_eq!(again.as_ref().map(Template::to_string), Some(text));
        prop_assert_eq!(again, Some(template));
    }
}
