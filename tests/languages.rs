//! The programs in Brazilian Portuguese: whole lines, as their readers see them; and what no language touches.

use rollcall::cli::Exit;

use support::masked::{Where, masked};
use support::process::Finished;
use support::{Call, STUDENT, Server, TEACHER, run};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

const PORTUGUESE: &str = "pt_BR.UTF-8";

/// A command that talks to this server, and in Portuguese to its person.
fn in_portuguese(server: &Server, program: &str) -> Call {
    server.client(program).env("ROLLCALL_LANG", PORTUGUESE)
}

#[track_caller]
fn teacher(server: &Server, arguments: &[&str]) -> Finished {
    in_portuguese(server, TEACHER).args(arguments).run()
}

#[track_caller]
fn student(server: &Server, arguments: &[&str]) -> Finished {
    in_portuguese(server, STUDENT).args(arguments).run()
}

/// The text with DAY and TIME in the place of days and times.
fn timeless(text: &str) -> String {
    masked(text, &[("##/##/####", "DAY"), ("##:##:##", "TIME")], Where::Anywhere)
}

#[test]
fn a_roll_call_is_held_in_portuguese() {
    let server = Server::in_memory();
    let said = |finished: Finished| timeless(&finished.expect(0).stdout);
    assert_eq!(
        said(teacher(&server, &["open", "3030"])),
        "A chamada da turma 3030 foi aberta em DAY TIME.\n"
    );
    assert_eq!(
        said(student(&server, &["mark", "3030", "042191010"])),
        "Presença de 042191010 registrada na turma 3030 em DAY TIME.\n"
    );
    assert_eq!(
        said(student(&server, &["mark", "3030", "042191010"])),
        "A presença de 042191010 já estava registrada na turma 3030, em DAY TIME.\n"
    );
    assert_eq!(
        said(teacher(&server, &["status"])),
        "A chamada da turma 3030 está aberta desde DAY TIME: 1 aluno até agora.\n"
    );
    assert_eq!(
        said(teacher(&server, &["close", "3030"])),
        "A chamada da turma 3030 foi encerrada em DAY TIME +00:00. 1 aluno respondeu:\n   \
         1  042191010         DAY TIME\n"
    );
    let refused = student(&server, &["mark", "3030", "20"]).expect(3);
    assert_eq!(
        timeless(&refused.stderr),
        "erro: a presença de 20 foi recusada em DAY TIME: chamada da turma 3030 já encerrada (TIME)\n"
    );
    let never = teacher(&server, &["close", "7"]).expect(3);
    assert_eq!(
        timeless(&never.stderr),
        "erro: recusado em DAY TIME: a turma 7 nunca teve chamada\n"
    );
}

#[test]
fn a_prompt_asks_and_answers_in_portuguese() {
    let server = Server::in_memory();
    let finished = in_portuguese(&server, TEACHER).run_with(b"3030\n").expect(0);
    assert_eq!(
        timeless(&finished.stdout),
        "Chamada. Digite o número de uma turma para abrir a chamada; digite de novo para encerrar e ver quem \
         respondeu. Ctrl-D termina.\n\
         Turma: A chamada da turma 3030 foi aberta em DAY TIME.\n\
         Turma: \n"
    );
    let finished = in_portuguese(&server, STUDENT).run_with(b"10 3030\n10 zero\n20\n").expect(2);
    assert_eq!(
        timeless(&finished.stdout),
        "Chamada. Responda com a sua matrícula e o número da turma. Ctrl-D termina.\n\
         Matrícula: Presença de 10 registrada na turma 3030 em DAY TIME.\n\
         Matrícula: Matrícula: Matrícula: \n"
    );
    assert_eq!(
        finished.stderr,
        "erro: linha 2: '10 zero': uma turma é um número de 1 a 4294967295\n\
         erro: as linhas 2 a 3 foram puladas: depois de uma que não se entende, só vale uma linha com as duas, \
         MATRÍCULA TURMA\n"
    );
}

#[test]
fn wrong_usage_is_explained_in_portuguese() {
    let wrong = |program: &str, arguments: &[&str], says: &str| {
        let finished = Call::new(&support::Place::default(), program, None)
            .env("ROLLCALL_LANG", PORTUGUESE)
            .args(arguments)
            .run();
        assert_eq!(finished.expect(2).stderr, format!("erro: {says}\n"), "{arguments:?}");
    };
    let class = "uma turma é um número de 1 a 4294967295 (veja rollcall-student --help)";
    let says = format!("valor inválido '0' para '<TURMA>': {class}");
    wrong(STUDENT, &["mark", "0", "10"], &says);
    wrong(
        STUDENT,
        &["mark"],
        "faltam estes argumentos obrigatórios: <TURMA> <MATRÍCULA>... (veja rollcall-student --help)",
    );
    wrong(
        TEACHER,
        &["opem", "3030"],
        "comando desconhecido 'opem'; seria 'open'? (veja rollcall-teacher --help)",
    );
    wrong(
        TEACHER,
        &["spot", "3030", "21"],
        "valor inválido '21' para '<N>': 21 está fora de 1..=20 (veja rollcall-teacher --help)",
    );
    wrong(
        TEACHER,
        &["open", "1", "--code", "--no-code"],
        "o argumento '--code' não pode ser usado com '--no-code' (veja rollcall-teacher --help)",
    );
}

#[test]
fn what_programs_read_is_the_same_in_every_language() {
    let server = Server::in_memory();
    server.teacher(["open", "1"]).expect(0);
    server.student(["mark", "1", "10"]).expect(0);
    let same = |program: &str, arguments: &[&str], exit: Exit| {
        let code = i32::from(exit.code());
        let said = |language: &str| {
            let call = server.client(program).env("ROLLCALL_LANG", language).arg("--json");
            call.args(arguments).run().expect(code).stdout
        };
        let (english, portuguese) = (said("en"), said(PORTUGUESE));
        assert_eq!(english, portuguese, "{arguments:?}");
        assert!(english.starts_with('{'), "{english}");
    };
    same(TEACHER, &["open", "1"], Exit::Done);
    same(TEACHER, &["status"], Exit::Done);
    same(STUDENT, &["mark", "1", "10"], Exit::Done);
    same(TEACHER, &["close", "1"], Exit::Done);
    same(TEACHER, &["sheet", "1"], Exit::Done);
    same(TEACHER, &["history", "1"], Exit::Done);
}

#[test]
fn the_locale_of_the_system_is_followed_where_nothing_else_is_said() {
    let help = |variables: &[(&str, &str)]| {
        let call = Call::new(&support::Place::default(), TEACHER, None).env("ROLLCALL_LANG", "");
        let call = variables.iter().fold(call, |call, (name, value)| call.env(name, value));
        call.arg("--help").run().expect(0).stdout
    };
    assert!(
        help(&[("LC_ALL", "pt_BR.UTF-8")]).contains("Uso: rollcall-teacher [OPÇÕES] [COMANDO]")
    );
    assert!(help(&[("LC_ALL", ""), ("LANG", "pt_BR")]).contains("Uso:"));
    assert!(
        help(&[("LC_ALL", "de_DE.UTF-8")]).contains("Usage: rollcall-teacher [OPTIONS] [COMMAND]")
    );
    let as_ever = run(TEACHER, ["--help"]).expect(0);
    assert!(as_ever.stdout.contains("Usage:"), "{as_ever}");
}
