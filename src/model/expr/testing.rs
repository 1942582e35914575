//! Random expressions whose types are right, and a lookup for the names in them.

use proptest::prelude::*;

use super::*;

/// The task whose outputs are missing.
const GONE: TaskId = TaskId(3);

/// Makes expressions that are true or false. They name the params `t` and `x.y` (texts), `n` (an
/// integer), `b` (true or false) and `l` (a list), the matrix key `m`, and tasks below 4.
pub(crate) fn bools() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| Expr::Value(Value::Bool(value))),
        Just(Expr::Name(Name::Param("b".into()))),
        prop::sample::select(&StateFunction::ALL)
            .prop_map(|function| Expr::Name(Name::Call(function))),
        (states(), any::<bool>()).prop_map(|(state, is_good)| {
            let word = if is_good { "SUCCEEDED" } else { "FAILED" };
            compare(Comparison::Equal, Expr::Name(state), Expr::Value(Value::text(word)))
        }),
        (comparisons(2), texts(), texts()).prop_map(|(sign, a, b)| compare(sign, a, b)),
        (comparisons(6), ints(), ints()).prop_map(|(sign, a, b)| compare(sign, a, b)),
        (prop::sample::select(&Function::ALL[..3]), texts(), texts())
            .prop_map(|(function, a, b)| Expr::Call(function, Box::new([a, b]))),
        texts().prop_map(|text| {
            let list = Expr::Name(Name::Param("l".into()));
            Expr::Call(Function::Contains, Box::new([list, text]))
        }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Expr::Not(Box::new(inner))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Any),
            (comparisons(2), inner.clone(), inner).prop_map(|(sign, a, b)| compare(sign, a, b)),
        ]
    })
}

/// Makes expressions that are texts.
pub(crate) fn texts() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        "[a-c'}$é\n]{0,3}".prop_map(|text| Expr::Value(Value::text(text))),
        prop::sample::select(vec![
            Name::Param("t".into()),
            Name::Param("x.y".into()),
            Name::Env("HOME".into()),
            Name::Env("no-word.".into()),
            Name::Matrix("m".into()),
            Name::Run(RunFact::Id),
            Name::Run(RunFact::Os),
            Name::Output(TaskId(0), "o".into()),
            Name::Output(GONE, "o-2".into()),
        ])
        .prop_map(Expr::Name),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        (inner.clone(), inner).prop_map(|(a, b)| Expr::Call(Function::Default, Box::new([a, b])))
    })
}

/// Makes templates.
pub(crate) fn templates() -> impl Strategy<Value = Template> {
    let part = prop_oneof![
        "[a{}$]{0,4}".prop_map(|text| Part::Text(text.into())),
        texts().prop_map(Part::Expr),
        bools().prop_map(Part::Expr),
        ints().prop_map(Part::Expr),
    ];
    prop::collection::vec(part, 0..5).prop_map(Template::new)
}

fn ints() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (-3..4_i64).prop_map(|value| Expr::Value(Value::Int(value))),
        any::<i64>().prop_map(|value| Expr::Value(Value::Int(value))),
        Just(Expr::Name(Name::Param("n".into()))),
        Just(Expr::Name(Name::ExitCode(TaskId(2)))),
    ]
}

fn states() -> impl Strategy<Value = Name> {
    prop::sample::select(vec![vec![TaskId(0)], vec![TaskId(1), TaskId(2)]])
        .prop_map(|tasks| Name::State(tasks.into()))
}

/// Makes comparisons: the first two are for all types.
fn comparisons(of: usize) -> impl Strategy<Value = Comparison> {
    prop::sample::select(&Comparison::ALL[..of])
}

pub(crate) fn compare(comparison: Comparison, left: Expr, right: Expr) -> Expr {
    Expr::Compare(comparison, Box::new([left, right]))
}

/// Gives every name a value that follows from a number; counts what was asked.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) asked: std::cell::RefCell<Vec<Name>>,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        World { seed, asked: std::cell::RefCell::default() }
    }

    /// Returns a number that belongs to a name.
    pub(crate) fn number(&self, name: &Name) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.seed, name).hash(&mut hasher);
        hasher.finish()
    }

    /// What `env` is: a text with a name in it.
    pub(crate) fn env(&self, name: &Name) -> Template {
        let text = ["", "a", "b'"][self.number(name) as usize % 3];
        match self.number(name) % 2 {
            0 => Template::from(text),
            _ => Template::new([
                Part::Text(text.into()),
                Part::Expr(Expr::Name(Name::Output(TaskId(0), "o".into()))),
            ]),
        }
    }
}

impl Lookup for World {
    fn value(&self, name: &Name) -> Result<Value, Missing> {
        self.asked.borrow_mut().push(name.clone());
        let number = self.number(name);
        let text = ["", "a", "ab"][number as usize % 3];
        Ok(match name {
            Name::Param(param) => match &**param {
                "n" => Value::Int(number as i64 % 4),
                "b" => Value::Bool(number.is_multiple_of(2)),
                "l" => Value::List([b"a".to_vec(), b"".to_vec()].into()),
                _ => Value::text(text),
            },
            Name::Env(_) => Value::Text(self.env(name).eval(self).expect("it has a value")),
            Name::Matrix(_) | Name::Run(_) => Value::text(text),
            Name::Output(task, output) if *task == GONE => {
                return Err(Missing { task: *task, output: output.clone() });
            }
            Name::Output(..) => Value::Text([text.as_bytes(), b"\xff"].concat()),
            Name::State(_) => Value::text(["SUCCEEDED", "FAILED"][number as usize % 2]),
            Name::ExitCode(_) => Value::Int(number as i64 % 3 - 1),
            Name::Call(_) => Value::Bool(number.is_multiple_of(2)),
        })
    }
}
