//! What expressions come to, and that working them out early changes nothing.

use proptest::prelude::*;

use super::testing::{World, bools, compare, templates};
use super::*;

fn known(value: bool) -> Expr {
    Expr::Value(Value::Bool(value))
}

fn text(text: &str) -> Expr {
    Expr::Value(Value::text(text))
}

/// An output that nothing left: whatever looks it up fails.
fn missing() -> Expr {
    compare(Comparison::Equal, Expr::Name(Name::Output(TaskId(3), "o".into())), text("x"))
}

/// Shows what an expression comes to, asked at once and after it was worked out.
fn both(expr: &Expr) -> [String; 2] {
    let show = |value: Result<Value, EvalError>| match value {
        Ok(value) => String::from_utf8_lossy(&value.to_text()).into_owned(),
        Err(EvalError::Missing(missing)) => format!("no {}", missing.output),
        Err(EvalError::TooLong | EvalError::Mistyped(_)) => "error".to_owned(),
    };
    let world = World::new(0);
    let folded = expr.substitute(|_| None).expect("it is small");
    [show(expr.eval(&world)), show(folded.eval(&world))]
}

#[test]
fn and_and_or_stop_early() {
    let check = |expr: Expr, expected: &str| assert_eq!(both(&expr), [expected; 2], "{expr}");
    for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
        check(Expr::All(vec![known(a), known(b)]), if a && b { "true" } else { "false" });
        check(Expr::Any(vec![known(a), known(b)]), if a || b { "true" } else { "false" });
    }
    check(Expr::All(vec![known(false), missing()]), "false");
    check(Expr::All(vec![known(true), missing()]), "no o");
    check(Expr::All(vec![missing(), known(false)]), "no o");
    check(Expr::Any(vec![known(true), missing()]), "true");
    check(Expr::Any(vec![known(false), missing()]), "no o");
    check(Expr::Any(vec![missing(), known(true)]), "no o");
    check(Expr::Not(Box::new(Expr::All(vec![known(false), missing()]))), "true");
    check(Expr::All(vec![]), "true");
    check(Expr::Any(vec![]), "false");
}

#[test]
fn default_looks_up_the_second_only_where_the_first_is_empty() {
    let default = |first: Expr| {
        let output = Expr::Name(Name::Output(TaskId(3), "o".into()));
        Expr::Call(Function::Default, Box::new([first, output]))
    };
    assert_eq!(both(&default(text("a"))), ["a"; 2]);
    assert_eq!(both(&default(text(""))), ["no o"; 2]);
}

#[test]
fn functions_and_comparisons_mean_what_they_say() {
    let check = |expr: Expr, expected: bool| {
        assert_eq!(both(&expr), [expected.to_string(), expected.to_string()], "{expr}");
    };
    let call = |function, a: Expr, b: Expr| Expr::Call(function, Box::new([a, b]));
    let list = || Expr::Value(Value::List([b"a".to_vec(), b"bc".to_vec()].into()));
    check(call(Function::Contains, list(), text("bc")), true);
    check(call(Function::Contains, list(), text("b")), false);
    check(call(Function::Contains, text("abc"), text("bc")), true);
    check(call(Function::Contains, text("abc"), text("")), true);
    check(call(Function::StartsWith, text("abc"), text("ab")), true);
    check(call(Function::StartsWith, text("abc"), text("bc")), false);
    check(call(Function::EndsWith, text("abc"), text("bc")), true);
    check(call(Function::EndsWith, text("abc"), text("ab")), false);
    let int = |value| Expr::Value(Value::Int(value));
    for (sign, holds) in Comparison::ALL.into_iter().zip([
        [false, true, false],
        [true, false, true],
        [true, false, false],
        [true, true, false],
        [false, false, true],
        [false, true, true],
    ]) {
        for (left, holds) in [-1, 0, 1].into_iter().zip(holds) {
            check(compare(sign, int(left), int(0)), holds);
        }
    }
    check(compare(Comparison::Equal, text("a"), text("A")), false);
}

#[test]
fn bytes_that_are_no_text_pass_unharmed() {
    let output = Expr::Name(Name::Output(TaskId(0), "o".into()));
    let template = Template::new([Part::Text("./bin:".into()), Part::Expr(output)]);
    let whole = template.eval(&World::new(0)).expect("it has a value");
    assert!(whole.starts_with(b"./bin:") && whole.ends_with(b"\xff"), "{whole:?}");
    let replace = |_: &Name| Some(Replacement::Value(Value::text(*b"\xff")));
    let known = template.substitute(replace).expect("it is small");
    assert_eq!(known.constant(), None);
    assert_eq!(known.eval(&World::new(0)).expect("it has a value"), b"./bin:\xff");
}

#[test]
fn what_is_known_becomes_text() {
    let name = |name: &str| Part::Expr(Expr::Name(Name::Param(name.into())));
    let template = Template::new([Part::Text("-j".into()), name("n"), name("t"), name("b")]);
    assert_eq!(template.to_string(), "-j${{ params.n }}${{ params.t }}${{ params.b }}");
    let replaced = template.substitute(|name| match name {
        Name::Param(param) if &**param == "n" => Some(Replacement::Value(Value::Int(4))),
        Name::Param(param) if &**param == "b" => Some(Replacement::Value(Value::Bool(true))),
        Name::Param(_) => Some(Replacement::Template(Template::from(" "))),
        Name::Env(_)
        | Name::Matrix(_)
        | Name::Run(_)
        | Name::Output(..)
        | Name::State(_)
        | Name::ExitCode(_)
        | Name::Call(_) => None,
    });
    assert_eq!(replaced.expect("it is small"), Template::from("-j4 true"));
}

#[test]
fn a_value_that_grows_from_level_to_level_has_an_end() {
    let env = || Part::Expr(Expr::Name(Name::Env("A".into())));
    let level = Template::new((0..1000).map(|_| env()));
    let twice = level.substitute(|_| Some(Replacement::Template(level.clone())));
    let twice = twice.expect("a million parts are taken");
    assert_eq!(twice.substitute(|_| Some(Replacement::Template(level.clone()))), Err(TooLarge));
}

#[test]
fn a_condition_calls_what_its_text_calls() {
    let call = |function| Expr::Name(Name::Call(function));
    let condition = |expr| {
        let condition = Condition::new(expr).substitute(|_| None).expect("it is small");
        (condition.calls_state_function(), condition.waits_for_ends(), condition.constant())
    };
    assert_eq!(condition(known(true)), (false, false, Some(true)));
    assert_eq!(condition(call(StateFunction::Success)), (true, false, None));
    assert_eq!(condition(call(StateFunction::Always)), (true, true, None));
    let either = Expr::Any(vec![known(true), call(StateFunction::Failure)]);
    assert_eq!(condition(either), (true, true, Some(true)));
}

#[test]
fn the_state_of_a_matrix_task_is_the_worst_of_its_members() {
    use TaskState::{Cancelled, Failed, Pending, Running, Skipped, Succeeded};
    let check = |members: &[TaskState], expected| {
        assert_eq!(state_of(members.iter().copied()), expected, "{members:?}");
    };
    check(&[Succeeded, Cancelled, Failed, Skipped], Failed);
    check(&[Succeeded, Cancelled, Skipped], Cancelled);
    check(&[Skipped, Succeeded], Succeeded);
    check(&[Running], Running);
    check(&[Succeeded, Pending, Running], Running);
    check(&[Pending, Failed], Failed);
    check(&[Skipped, Skipped], Skipped);
    check(&[], Skipped);
}

#[test]
fn people_see_the_names_of_tasks() {
    let state = Expr::Name(Name::State([TaskId(1), TaskId(2)].into()));
    let expr = compare(Comparison::Equal, state, text("it's"));
    assert_eq!(expr.shown(&|_| "test".to_owned()).to_string(), "tasks.test.state == 'it''s'");
    assert_eq!(expr.to_string(), "tasks['#1,#2'].state == 'it''s'");
}

/// Replaces some of the names, as the lookup has them.
fn replace(world: &World, name: &Name, which: u8) -> Option<Replacement> {
    let is_replaced = match name {
        Name::Param(_) => which & 1 > 0,
        Name::Env(_) => which & 2 > 0,
        Name::Matrix(_) => which & 4 > 0,
        Name::Run(_) => which & 8 > 0,
        Name::State(_) => which & 16 > 0,
        Name::ExitCode(_) => which & 32 > 0,
        Name::Call(_) => which & 64 > 0,
        Name::Output(..) => which & 128 > 0,
    };
    // `always()` is true whatever a lookup says.
    if !is_replaced || *name == Name::Call(StateFunction::Always) {
        return None;
    }
    match name {
        Name::Env(_) => Some(Replacement::Template(world.env(name))),
        Name::Param(_)
        | Name::Matrix(_)
        | Name::Run(_)
        | Name::State(_)
        | Name::ExitCode(_)
        | Name::Call(_)
        | Name::Output(..) => world.value(name).ok().map(Replacement::Value),
    }
}

proptest! {
    #[test]
    fn an_expression_worked_out_early_comes_to_the_same(expr in bools(), seed: u64, which: u8) {
        let world = World::new(seed);
        let early = expr.substitute(|name| replace(&world, name, which)).expect("it is small");
        prop_assert_eq!(early.eval(&world), expr.eval(&world), "{} became {}", expr, early);
        let is_left = |name: &Name| replace(&world, name, which).is_none();
        let left = early.names().all(|name| matches!(name, Name::Output(..)) || is_left(name));
        prop_assert!(left);
    }

    #[test]
    fn a_template_worked_out_early_comes_to_the_same(template in templates(), seed: u64, which: u8) {
        let world = World::new(seed);
        let early = template.substitute(|name| replace(&world, name, which)).expect("it is small");
        prop_assert_eq!(early.eval(&world), template.eval(&world), "{} became {}", template, early);
        prop_assert_eq!(early.constant().is_some(), early.parts().is_empty());
    }

    #[test]
    fn only_names_that_are_listed_are_looked_up(expr in bools(), seed: u64) {
        let world = World::new(seed);
        let _ = expr.eval(&world);
        let env = Name::Output(TaskId(0), "o".into()); // what the values of `env` ask for
        for name in world.asked.borrow().iter().filter(|name| **name != env) {
            prop_assert!(expr.names().any(|listed| listed == name));
        }
    }
}
