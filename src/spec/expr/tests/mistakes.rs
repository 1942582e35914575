//! Every mistake beside what is said of it: its bytes in the text, what is wrong, what to write.

use super::*;

/// Holds a table against what is said: `KEY: TEXT`, and below it, indented, what the text means or
/// what is wrong with it. `\n` in a text is a line end.
fn check(table: &str) {
    let mut said = String::new();
    for line in table.lines().filter(|line| !line.starts_with("  ")) {
        said.push_str(&format!("{line}\n"));
        let Some((key, text)) = line.split_once(": ") else { continue };
        let text = text.replace("\\n", "\n");
        let meaning = match key {
            "if" => condition(&text),
            "env" => value(Key::Env, &text),
            "env_file" => value(Key::EnvFile, &text),
            "env_file of the flow" => value(Key::FlowEnvFile, &text),
            "pool" => value(Key::Pool, &text),
            "artifacts" => value(Key::Artifacts, &text),
            "matrix" => value(Key::Matrix, &text),
            _ => panic!("{key} is no key of this table"),
        };
        meaning.lines().for_each(|line| said.push_str(&format!("  {line}\n")));
    }
    assert_eq!(said, table, "\n{said}");
}

#[test]
fn a_blank_text_is_no_condition_and_a_value_of_nothing() {
    let empty = "expression-syntax `if` is empty; write a condition, for example `params.deploy`, or remove the key";
    assert_eq!(condition(""), format!("0+0 {empty}"));
    assert_eq!(condition(" \n "), format!("0+3 {empty}"));
    assert_eq!(value(Key::Env, ""), "");
}

#[test]
fn what_is_nested_or_long_has_an_end() {
    let nested = |n: usize| condition(&format!("{}params.b{}", "(".repeat(n), ")".repeat(n)));
    assert_eq!(nested(50), "params.b");
    let help = "let a task's script decide, and use its output";
    let deep = "more than 50 parentheses and `!` inside one another";
    assert_eq!(nested(51), format!("51+6 expression-syntax {deep}; {help}"));
    assert_eq!(
        condition(&format!("{}params.b", "!".repeat(100_000))),
        format!("51+1 expression-syntax {deep}; {help}")
    );
    let chain = |n: usize| condition(&["params.b"].repeat(n).join(" && "));
    assert_eq!(chain(5_000).len(), 5_000 * 12 - 4);
    let long = "this expression is longer than 65536 bytes";
    assert_eq!(chain(50_000), format!("0+1 expression-syntax {long}; {help}"));
}

#[test]
fn the_notation_is_understood() {
    check(
        r#"if: params.mode == 'fast'
  params.mode == 'fast'
if: !params.b && (success() || params.n >= -3)
  !params.b && (success() || params.n >= -3)
if: (params.b && params.b) && params.b
  (params.b && params.b) && params.b
if: params.b || params.b && !(params.b || failure())
  params.b || (params.b && !(params.b || failure()))
if: !!params.b == params.b
  !!params.b == params.b
if: tasks.build.outputs.version != '' && tasks.test.state == 'FAILED'
  tasks['#0'].outputs.version != '' && tasks['#1,#2'].state == 'FAILED'
if: tasks['a.b'].exit_code < 3
  tasks['#3'].exit_code < 3
if: tasks['test[py=3.12]'].state == 'SUCCEEDED'
  tasks['#1'].state == 'SUCCEEDED'
if: params['x.y'] == 'it''s' || params.deploy-all
  params['x.y'] == 'it''s' || params.deploy-all
if: contains(params.hosts, 'a') && contains(env.REF, 'tags/')
  contains(params.hosts, 'a') && contains(env.REF, 'tags/')
if: default(env.A, matrix.m) == run.arch && starts_with(run.file_dir,'/') && ends_with(run.id, 'f')
  default(env.A, matrix.m) == run.arch && starts_with(run.file_dir, '/') && ends_with(run.id, 'f')
if: '}}' == params.t
  '}}' == params.t
if: run.status == 'FAILED' || cancelled() || always()
  run.status == 'FAILED' || cancelled() || always()
if: params.t\n  == 'a'
  params.t == 'a'
env: plain text
  plain text
env: ./bin:${{ env.PATH }}
  ./bin:${{ env.PATH }}
env: ${{params.n}}${{params.b}}
  ${{ params.n }}${{ params.b }}
env: ${{ '${{' }} and }} and ${{ 'it''s' }} and ${{ 3 }} and ${{ true }}
  ${{ '${{' }} and }} and it's and 3 and true
env: $${{ '}}' == params.t }}}
  $${{ '}}' == params.t }}}
env: $HOME ${HOME} {{ x }} $ {{
  $HOME ${HOME} {{ x }} $ {{
matrix: ${{ params.hosts }}
  hosts
"#,
    );
}

#[test]
fn the_notation_is_not_that_of_another_tool() {
    check(
        r#"if: params.t == "a"
  12+3 expression-syntax a text stands in single quotes; write `'a'`
if: params.t == "it's
  12+1 expression-syntax a text stands in single quotes; write `'text'`
if: params.t = 'a'
  9+1 expression-syntax `=` is not a comparison; write `==`
if: params.t === 'a'
  9+3 expression-syntax `===` is not an operator here; write `==`
if: params.t !== 'a'
  9+3 expression-syntax `!==` is not an operator here; write `!=`
if: params.t =~ 'a'
  9+2 expression-syntax there are no patterns here; use `contains`, `starts_with` or `ends_with`
if: params.b and params.b
  9+3 expression-syntax `and` is not an operator here; write `&&`
if: params.b or params.b
  9+2 expression-syntax `or` is not an operator here; write `||`
if: params.b & params.b
  9+1 expression-syntax `&` is not an operator here; write `&&`
if: params.b | params.b
  9+1 expression-syntax `|` is not an operator here; write `||`
if: not params.b
  0+3 expression-syntax `not` is not an operator here; write `if: '!params.b'`
if: not(params.b)
  0+3 expression-syntax `not` is not an operator here; write `if: '!(params.b)'`
if: params.b not params.b
  9+3 expression-syntax `not` is not an operator here; write `!`
if: ${{ params.b }}
  0+15 expression-syntax `if` takes an expression without `${{ }}`; remove `${{ }}`: write `params.b`
if: ${{ params.b }} && ${{ params.b }}
  0+34 expression-syntax `if` takes an expression without `${{ }}`; remove `${{` and `}}`
if: !${{ params.b }}
  1+3 expression-syntax `if` takes an expression without `${{ }}`; remove `${{` and `}}`
if: params.b && ${{ params.b }}
  12+3 expression-syntax `if` takes an expression without `${{ }}`; remove `${{` and `}}`
if: params.b }}
  9+2 expression-syntax `if` takes an expression without `${{ }}`; remove `${{` and `}}`
if: $HOME == 'a'
  0+1 expression-syntax a variable is written without `$`; write `env.HOME`
if: ${HOME} == 'a'
  0+1 expression-syntax a variable is written without `$`; write `env.HOME`
if: params.n + 1 == 2
  9+1 expression-syntax `+` is not an operator here; there is no arithmetic here: let a task's script compute it
if: params.n - 1 == 2
  9+1 expression-syntax `-` is not an operator here; there is no arithmetic here: let a task's script compute it
if: params.n -1 == 2
  9+2 expression-syntax `-1` stands where an operator or the end is expected; there is no arithmetic here: let a task's script compute it
if: params.b ? 'a' : 'b'
  9+1 expression-syntax `?` is not an operator here; write `default(a, b)` for a text that may be empty, or two tasks with an `if` each
if: params.n == 1.5
  12+3 expression-syntax `1.5` is not an integer; write an integer, or the text `'1.5'`
if: params.n == 10m
  12+3 expression-syntax `10m` is not an integer; a text stands in single quotes: `'10m'`
if: params.n == 99999999999999999999
  12+20 expression-syntax `99999999999999999999` is not an integer; the largest is `9223372036854775807`
if: params.t == 'a
  12+1 expression-syntax this quote is never closed; end the text with `'`; a quote inside it is written twice: `'it''s'`
if: params.t == 'it's'
  16+1 expression-syntax `s` stands where an operator or the end is expected; a quote inside a text is written twice: `'it''s'`
if: params.t ==
  11+0 expression-syntax the expression ends where a value is expected; write what is missing, or remove the sign before it
if: == 'a'
  0+2 expression-syntax `==` stands where a value is expected; an expression is written `params.mode == 'fast' && !params.dry`
if: (params.b
  0+1 expression-syntax this `(` is never closed; close it with `)`
if: params.b)
  8+1 expression-syntax `)` stands where an operator or the end is expected; remove it, or write what opens it
if: ()
  1+1 expression-syntax `)` stands where a value is expected; remove it, or write what opens it
if: contains(params.t, 'a'
  8+1 expression-syntax this `(` is never closed; close it with `)`
if: contains(params.t 'a')
  18+3 expression-syntax `'a'` stands where `,` or `)` is expected; an expression is written `params.mode == 'fast' && !params.dry`
if: params.b params.b
  9+6 expression-syntax `params` stands where an operator or the end is expected; an expression is written `params.mode == 'fast' && !params.dry`
if: params.n < 3 < 4
  13+1 expression-syntax comparisons cannot be chained; join two comparisons with `&&`, or put one in parentheses
if: params.
  7+0 expression-syntax the expression ends where a name is expected; a name that holds other signs is written `['a.b']`
if: params.'x'
  7+3 expression-syntax `'x'` stands where a name is expected; a name that holds other signs is written `['a.b']`
if: tasks[build].state == 'FAILED'
  6+5 expression-syntax `build` stands where a name in quotes is expected; write `tasks['build'].state`
if: tasks['build'.state == 'FAILED'
  13+1 expression-syntax `.` stands where `]` is expected; a name in brackets is written `['a.b']`
if: params.t == `a`
  12+3 expression-syntax a text stands in single quotes; write `'a'`
env: a ${{ b
  2+3 expression-syntax this `${{` is never closed; close it with `}}`; the text itself is written `${{ '${{' }}`
env: ${{ }} and ${{}}
  0+6 expression-syntax `${{ }}` holds no expression; write one, for example `${{ params.name }}`, or remove it
  11+5 expression-syntax `${{ }}` holds no expression; write one, for example `${{ params.name }}`, or remove it
env: ${{ params.t
  0+3 expression-syntax this `${{` is never closed; close it with `}}`; the text itself is written `${{ '${{' }}`
env: ${{ 'a }}
  4+1 expression-syntax this quote is never closed; end the text with `'`; a quote inside it is written twice: `'it''s'`
env: ${{ params.t }
  0+3 expression-syntax this `${{` is never closed; close it with `}}`; the text itself is written `${{ '${{' }}`
env: ${{ params.t '}}'
  13+4 expression-syntax `'}}'` stands where an operator or the end is expected; an expression is written `params.mode == 'fast' && !params.dry`
env: ${{ ${{ params.t }} }}
  4+3 expression-syntax `${{` stands inside of `${{ … }}`; remove the inner one
env: ${{ params.t && }} ${{ = }} ${{ params.tt }}
  16+2 expression-syntax `}}` stands where a value is expected; write what is missing, or remove the sign before it
  23+1 expression-syntax `=` is not a comparison; write `==`
env: ${{ params.t "a }}" }}
  13+6 expression-syntax a text stands in single quotes; write `'a }}'`
"#,
    );
}

#[test]
fn names_are_known() {
    check(
        r#"if: github.ref_name == 'main'
  0+6 unknown-name `github` is not known here; GitHub gives it to every step: write `env.GITHUB_REF_NAME`
if: steps.build.outputs.version == '1'
  0+5 unknown-name `steps` is not known here; write `tasks.build.outputs.version`
if: needs.build.outputs.version == '1'
  0+5 unknown-name `needs` is not known here; write `tasks.build.outputs.version`
if: needs.build.result == 'success'
  0+5 unknown-name `needs` is not known here; write `tasks.build.state`
if: inputs.mode == 'fast'
  0+6 unknown-name `inputs` is not known here; write `params.mode`
if: secrets.TOKEN != ''
  0+7 unknown-name `secrets` is not known here; name it in `secrets`, set it in the environment, and write `env.TOKEN`
if: runner.os == 'linux'
  0+6 unknown-name `runner` is not known here; write `run.os`
if: runner.temp == 'linux'
  0+6 unknown-name `runner` is not known here; here are `params`, `env`, `matrix`, `run` and `tasks`
if: job.status == 'x'
  0+3 unknown-name `job` is not known here; write `run.status`
if: param.mode == 'fast'
  0+5 unknown-name unknown name `param`; did you mean `params`?; write `params.mode`
if: foo.bar == 'a'
  0+3 unknown-name unknown name `foo`; a name begins with `params`, `env`, `matrix`, `run`, `tasks`
if: params.mood == 'fast'
  7+4 unknown-name unknown param `mood`; the params are `mode`, `t`, `x.y`, `n`, `b`, `deploy-all`, `l`, `hosts`
if: params.zebra == 'fast'
  7+5 unknown-name unknown param `zebra`; the params are `mode`, `t`, `x.y`, `n`, `b`, `deploy-all`, `l`, `hosts`
if: params.x.y == 'fast'
  9+1 unknown-name `params.x` has no parts; a name with a `.` is written `params['x.y']`
if: params == 'a'
  0+6 unknown-name `params` alone is not a value; write `params.NAME`
if: params.mode.x == 'a'
  12+1 unknown-name `params.mode` has no parts; a name with a `.` is written `params['mode.x']`
if: mode == 'fast'
  0+4 unknown-name `mode` is not a name; write `params.mode`
if: os == 'linux'
  0+2 unknown-name `os` is not a name; write `matrix.os`
if: main == params.t
  0+4 unknown-name `main` is not a name; a text stands in single quotes: `'main'`
if: params.t == null
  12+4 unknown-name `null` is not a name; what is absent is an empty text: compare with `''`
if: params.b == True
  12+4 unknown-name `True` is not a name; write `true`
if: always
  0+6 unknown-name `always` is not a name; it is a function: write `always()`
if: success && params.b
  0+7 unknown-name `success` is not a name; it is a function: write `success()`
if: matrix.oss == 'linux'
  7+3 unknown-name unknown matrix key `oss`; did you mean `os`?; write `os`
if: matrix.python == 'linux'
  7+6 unknown-name unknown matrix key `python`; the matrix keys are `m`, `os`
if: run.statu == 'FAILED'
  4+5 unknown-name unknown name `statu`; did you mean `status`?; write `status`
if: run.state == 'FAILED'
  4+5 unknown-name unknown name `run.state`; write `run.status`
if: run.attempt == 'FAILED'
  4+7 unknown-name unknown name `attempt`; the names are `id`, `status`, `file_dir`, `caller_dir`, `os`, `arch`
if: env.PYOCO_PARAM_MODE == 'fast'
  4+16 unknown-name `env` holds no `PYOCO_` variables; write `params.mode`
if: env.PYOCO_RUN_ID == 'fast'
  4+12 unknown-name `env` holds no `PYOCO_` variables; write `run.id`
if: env.PYOCO_STATUS == 'fast'
  4+12 unknown-name `env` holds no `PYOCO_` variables; write `run.status`
if: env.PYOCO_CALLER_DIR == 'fast'
  4+16 unknown-name `env` holds no `PYOCO_` variables; write `run.caller_dir`
if: env.PYOCO_TASK == 'fast'
  4+10 unknown-name `env` holds no `PYOCO_` variables; let the task's script read it
if: env[''] == 'fast'
  4+2 unknown-name `env['']` names no variable; write `env.NAME`
if: tasks.build == 'SUCCEEDED'
  0+11 unknown-name `tasks.build` alone is not a value; write `tasks.build.state`, `.exit_code` or `.outputs.NAME`
if: tasks.biuld.state == 'SUCCEEDED'
  6+5 unknown-task unknown task `biuld`; write `build`
if: tasks.build.status == 'SUCCEEDED'
  12+6 unknown-name a task has no `status`; write `tasks.build.state`
if: tasks.build.result == 'SUCCEEDED'
  12+6 unknown-name a task has no `result`; write `tasks.build.state`
if: tasks.build.output.version == 'SUCCEEDED'
  12+6 unknown-name a task has no `output`; write `tasks.build.outputs.version`
if: tasks.build.stat == 'SUCCEEDED'
  12+4 unknown-name a task has no `stat`; write `tasks.build.state`
if: tasks.build.zebra == 'SUCCEEDED'
  12+5 unknown-name a task has no `zebra`; a task has `state`, `exit_code`, `outputs`
if: tasks.build.outputs == 'SUCCEEDED'
  12+7 unknown-name `outputs` alone is not a value; write `tasks.build.outputs.NAME`
if: tasks.build.outputs.version.x == 'SUCCEEDED'
  28+1 unknown-name the output `version` has no parts; write `tasks.build.outputs.version`
if: tasks.build.outputs.versoin == 'SUCCEEDED'
  20+7 unknown-output `build` promises no output `versoin`; it promises `version`
if: tasks.build.state.x == 'SUCCEEDED'
  18+1 unknown-name `tasks.build.state` has no parts; write `tasks.build.state`
if: tasks.a.b.state == 'SUCCEEDED'
  8+1 unknown-name a task has no `b`; a task's name with a `.` in it is written `tasks['a.b'].state`
if: tasks.a.b.outputs.x == 'SUCCEEDED'
  8+1 unknown-name a task has no `b`; a task's name with a `.` in it is written `tasks['a.b'].outputs.x`
if: tasks.test.exit_code == 0
  6+4 matrix-task `test` has members, each with values of its own; write one of `test[py=3.12]`, `test[py=3.13]`
if: tasks.test.outputs.x == ''
  6+4 matrix-task `test` has members, each with values of its own; write one of `test[py=3.12]`, `test[py=3.13]`
if: startsWith(params.t, 'a')
  0+10 unknown-function there is no function `startsWith`; write `starts_with(a, b)`
if: contain(params.t, 'a')
  0+7 unknown-function unknown function `contain`; did you mean `contains`?; write `contains`
if: format('{0}', params.t) == 'a'
  0+6 unknown-function there is no function `format`; write the parts side by side: `NAME: ${{ params.a }}-${{ params.b }}`
if: hash(params.t) == 'a'
  0+4 unknown-function unknown function `hash`; the functions are `success`, `failure`, `cancelled`, `always`, `contains`, `starts_with`, `ends_with`, `default`
if: sucess()
  0+6 unknown-function unknown function `sucess`; did you mean `success`?; write `success`
env: ${{ params.mood }} ${{ github.sha }}
  11+4 unknown-name unknown param `mood`; the params are `mode`, `t`, `x.y`, `n`, `b`, `deploy-all`, `l`, `hosts`
  23+6 unknown-name `github` is not known here; GitHub gives it to every step: write `env.GITHUB_SHA`
env_file: ${{ env.HOME }}/${{ params.t }}/${{ run.os }}/${{ matrix.os }}.env
  4+3 not-here `env` is not known in `env_file`; `env_file` takes `params`, `matrix`, `run`
env_file of the flow: ${{ matrix.os }}
  4+6 not-here `matrix` is not known in `env_file`; `env_file` takes `params`, `run`
pool: ${{ tasks.build.state }}
  4+5 not-here `tasks` is not known in `pool`; `pool` takes `params`, `matrix`, `run`
artifacts: ${{ env.HOME }}${{ tasks.build.state }}
  19+5 not-here `tasks` is not known in `artifacts`; `artifacts` takes `params`, `env`, `matrix`, `run`
pool: ${{ failure() }}
  4+7 not-here `failure()` is not known in `pool`; `pool` takes `params`, `matrix`, `run`
matrix: ${{ env.X }}
  4+3 not-here `env` is not known in `matrix`; `matrix` takes `params`
if: github.event.number == '1'
  0+6 unknown-name `github` is not known here; let a task's script read it from the file `$GITHUB_EVENT_PATH`
"#,
    );
}

#[test]
fn types_are_right() {
    check(
        r#"if: params.t == 3
  12+1 expression-type `==` compares a text with an integer; write `'3'`
if: 3 == params.t
  0+1 expression-type `==` compares an integer with a text; write `'3'`
if: params.n == '3'
  12+3 expression-type `==` compares an integer with a text; write `3`
if: params.n == 'a'
  12+3 expression-type `==` compares an integer with a text; compare it with an integer
if: params.t == true
  12+4 expression-type `==` compares a text with true or false; write `'true'`
if: params.b == 'true'
  12+6 expression-type `==` compares true or false with a text; write `params.b`
if: params.b != 'true'
  12+6 expression-type `!=` compares true or false with a text; write `!params.b`
if: params.b == 'false'
  12+7 expression-type `==` compares true or false with a text; write `!params.b`
if: params.b == 1
  12+1 expression-type `==` compares true or false with an integer; write `params.b`
if: params.b == 0
  12+1 expression-type `==` compares true or false with an integer; write `!params.b`
if: params.n == params.t
  0+20 expression-type `==` compares an integer with a text; compare values of the same type
if: params.hosts == 'a'
  0+12 expression-type `params.hosts` is a list, which cannot be compared; ask what is in it: `contains(params.hosts, 'a')`
if: 'a' != params.hosts
  7+12 expression-type `params.hosts` is a list, which cannot be compared; ask what is in it: `contains(params.hosts, 'a')`
if: params.t < 'b'
  0+14 expression-type `<` compares integers, not texts; give `t` the type `int`, or write `==` or `!=`
if: params.t < 3
  0+12 expression-type `<` compares integers, not texts; give `t` the type `int`, or write `==` or `!=`
if: params.b < params.b
  0+19 expression-type `<` compares integers, not conditions; give `b` the type `int`, or write `==` or `!=`
if: params.t
  0+8 expression-type `params.t` is a text, not a condition; compare it: `params.t == 'a'`, or `params.t != ''`
if: params.mode
  0+11 expression-type `params.mode` is a text, not a condition; compare it: `params.mode == 'fast'`
if: params.n && params.hosts
  0+8 expression-type `params.n` is an integer, not a condition; compare it: `params.n != 0`
  12+12 expression-type `params.hosts` is a list, not a condition; ask what is in it: `contains(params.hosts, 'a')`
if: 'a'
  0+3 expression-type `'a'` is a text, not a condition; write what it is to be compared with
if: tasks.build.state
  0+17 expression-type `tasks.build.state` is a text, not a condition; compare it: `tasks.build.state == 'SUCCEEDED'`
if: tasks.build.exit_code || params.b
  0+21 expression-type `tasks.build.exit_code` is an integer, not a condition; compare it: `tasks.build.exit_code != 0`
if: !params.t == 'a'
  1+8 expression-type `!` negates `params.t` alone, which is a text; write `params.t != 'a'`, or put the comparison in parentheses
if: !params.n
  1+8 expression-type `!` negates `params.n` alone, which is an integer; write `params.n != 0`, or put the comparison in parentheses
if: !params.hosts
  1+12 expression-type `!` negates `params.hosts` alone, which is a list; write `!contains(params.hosts, 'a')`
if: !(params.t)
  1+10 expression-type `!` negates `params.t` alone, which is a text; write `params.t != 'a'`, or put the comparison in parentheses
if: !default(params.t, 'a')
  1+22 expression-type `default(…)` is a text, not a condition; compare it: `default(…) == 'a'`, or `default(…) != ''`
if: contains(params.t)
  0+18 expression-type `contains` takes two arguments, not 1; write `contains(a, b)`
if: contains(params.n, 'a')
  9+8 expression-type `contains` takes a list or a text, not an integer; compare integers with `==` or `<`
if: contains(params.hosts, 3)
  23+1 expression-type `contains` takes a text, not an integer; write `'3'`
if: contains('a', params.hosts)
  14+12 expression-type `contains` takes a text, not a list; the list stands first: `contains(params.list, 'a')`
if: starts_with(params.hosts, 'a')
  12+12 expression-type `starts_with` takes a text, not a list; a list can only be asked what is in it: `contains(params.list, 'a')`
if: starts_with(params.b, 'a')
  12+8 expression-type `starts_with` takes a text, not true or false; join conditions with `&&` and `||`
if: default(params.n, '3') == '3'
  8+8 expression-type `default` takes a text, not an integer; compare integers with `==` or `<`
if: always('a')
  7+3 expression-type `always()` takes no argument; write `always()`
env: a ${{ params.hosts }} ${{ params.x }}
  6+12 expression-type `params.hosts` is a list, which cannot be part of a text; a script reads it from `$PYOCO_PARAM_HOSTS`, one item a line
  33+1 unknown-name unknown param `x`; the params are `mode`, `t`, `x.y`, `n`, `b`, `deploy-all`, `l`, `hosts`
matrix: a
  0+1 expression-type a value of `matrix` is a whole list; write a list, or `${{ params.NAME }}` of a `list` param, and nothing beside it
matrix: ${{ params.hosts }},b
  4+12 expression-type a value of `matrix` is a whole list; write a list, or `${{ params.NAME }}` of a `list` param, and nothing beside it
matrix: ${{ params.t }}
  4+8 expression-type `params.t` is not a list; declare it as one: `params: {t: {type: list}}`
matrix: ${{ 'a' }}
  4+3 expression-type a value of `matrix` is a whole list; write a list, or `${{ params.NAME }}` of a `list` param, and nothing beside it
if: params.n >= params.t
  0+20 expression-type `>=` compares integers, not texts; give `t` the type `int`, or write `==` or `!=`
"#,
    );
}

#[test]
fn what_never_holds_is_said() {
    check(
        r#"if: true
  true
  0+4 warning constant-condition this is always true, as if there were no `if`; remove `if`; a task that runs after failures too has `if: always()`
if: !('a' == 'a')
  !('a' == 'a')
  0+13 warning constant-condition this is always false: the task never runs; ask for a value that can change, for example `params.deploy`, or remove the task
if: 1 < 2 && 'a' != 'b'
  1 < 2 && 'a' != 'b'
  0+19 warning constant-condition this is always true, as if there were no `if`; remove `if`; a task that runs after failures too has `if: always()`
if: params.mode == 'fats'
  15+6 no-such-value `params.mode` is never `fats`; did you mean `fast`?; it is one of `fast`, `slow`
if: 'zebra' != params.mode
  0+7 no-such-value `params.mode` is never `zebra`; it is one of `fast`, `slow`
if: matrix.os == 'windows' || matrix.m == 'windows'
  13+9 no-such-value `matrix.os` is never `windows`; it is one of `linux`, `macos`
if: tasks.build.state == 'SUCCESS'
  21+9 no-such-value `tasks.build.state` is never `SUCCESS`; it is one of `SUCCEEDED`, `FAILED`, `CANCELLED`, `SKIPPED`
if: tasks.build.state == 'RUNNING'
  21+9 no-such-value `tasks.build.state` is never `RUNNING`; it is one of `SUCCEEDED`, `FAILED`, `CANCELLED`, `SKIPPED`
if: run.status == 'SUCCEEDED'
  14+11 no-such-value `run.status` is never `SUCCEEDED`; it is one of `RUNNING`, `CANCELLING`, `COMPLETED`, `FAILED`, `CANCELLED`
"#,
    );
}
