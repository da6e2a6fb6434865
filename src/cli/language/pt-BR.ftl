# Português do Brasil. Os mesmos textos que em en.ftl, na mesma ordem.

## What stands around other texts.

decimal-mark = ,
error = erro: { $what }
in-line = linha { $number }: { $what }
or = ou
and-more = e mais { $count }
from-to = { $from } até { $to }
at-most = o máximo é { $most }
answers-yes = s sim
answers-no = n não nao

## Things that are counted.

students =
    { $count ->
        [one] { $count } aluno
       *[other] { $count } alunos
    }
roll-calls-closed =
    { $count ->
        [one] { $count } chamada encerrada
       *[other] { $count } chamadas encerradas
    }
lessons =
    { $count ->
        [one] { $count } aula
       *[other] { $count } aulas
    }

## What a student was.

status-present = presente
status-late = com atraso
status-excused = falta justificada
status-absent = ausente
status-left = saiu antes do fim

## Questions.

question-class = Turma: {""}
question-student = Matrícula: {""}
question-code = Código mostrado na sala (Enter: nenhum): {""}
question-close =
    { $present ->
        [one] A chamada da turma { $class } está aberta desde { $since }, com { $present } presente. Encerrar? [s/N] {""}
       *[other] A chamada da turma { $class } está aberta desde { $since }, com { $present } presentes. Encerrar? [s/N] {""}
    }
question-there = { $who }: está na sala? [s/n, Enter: não perguntado] {""}
there-form = escreva s ou n
question-invite-student = Convite para a sua matrícula, se você recebeu um (senão, Enter): {""}
question-invite-staff = Convite, dado por um administrador: {""}
question-file = Arquivo: {""}
question-import = A lista de alunos da turma { $class }: { $changes }. Confirmar? [s/N] {""}

## Lines that are read.

line-only-one = escreva só um em cada linha
line-not-text = a linha não é texto (UTF-8)
line-too-long = a linha é longa demais
standard-input-alone = '-' representa a entrada padrão; não escreva outra matrícula junto
cannot-print = não foi possível ler ou escrever: { $error }
cannot-read-input = não foi possível ler a entrada padrão: { $error }

## The teacher: a roll call is opened and closed.

welcome-teacher = Chamada. Digite o número de uma turma para abrir a chamada; digite de novo para encerrar e ver quem respondeu. Ctrl-D termina.
opened = A chamada da turma { $class } foi aberta em { $at }.
open-already = A chamada da turma { $class } já estava aberta, desde { $at }.
opened-late = Quem responder a partir de { $at } estará com atraso.
opened-closes = Encerramento automático: { $at }.
opened-code = O código da sala é { $code }, válido por mais { $left } s; mostre-o com: rollcall-teacher code { $class }
closed = A chamada da turma { $class } foi encerrada em { $at }
closed-already = A chamada da turma { $class } já tinha sido encerrada, em { $at }
closed-number = A chamada { $number } da turma { $class } foi encerrada em { $at }
stays-open = A chamada da turma { $class } continua aberta.
stays-open-unattended = a chamada da turma { $class } continua aberta; a mesma linha de novo a encerra
terms-plain = sem entrar no servidor não se sabe quem responde; entre nele primeiro, com o link, ou retire --who, --strict e --code
terms-strict = --strict não faz sentido quando qualquer um pode responder por qualquer matrícula
plan-late-after = --late-after precisa vir antes do fim dado por --for; do contrário, ninguém poderia se atrasar
shared = A turma { $class } agora é compartilhada com { $teacher }.
shared-already = A turma { $class } já era compartilhada com { $teacher }.
extended = Novo encerramento da chamada da turma { $class }: { $at }.
reopened = A chamada da turma { $class } está aberta de novo, desde { $since }; agora só você a encerra. A lista de presença vai dizer que ela foi reaberta.
reopened-open = A chamada da turma { $class } estava aberta, desde { $since }.

## The teacher: what is open, and what was closed.

none-open = Nenhuma chamada está aberta.
not-open = a turma { $class } não tem chamada aberta
status = A chamada da turma { $class } está aberta desde { $since }: { $present } até agora.
status-expected =
    { $expected ->
        [one] { $present } de { $expected } aluno
       *[other] { $present } de { $expected } alunos
    }
status-closes = Encerramento: { $at }.
no-sheet = a turma { $class } não tem lista de presença encerrada
no-sheet-number = a turma { $class } não tem lista de presença encerrada com o número { $number }; veja quais há com: rollcall-teacher history { $class }
no-sheet-revision = a turma { $class } não tem a revisão { $revision } dessa lista de presença; veja quais há com: rollcall-teacher history { $class }
no-sheet-day = a turma { $class } não tem lista de presença encerrada em { $day }; veja quais há com: rollcall-teacher history { $class }
other-sheets =
    { $count ->
        [one] Mais { $count } lista de presença da turma { $class } nesse dia:
       *[other] Mais { $count } listas de presença da turma { $class } nesse dia:
    }
other-sheets-see = Veja uma delas com: rollcall-teacher sheet { $class } --number { $number }
revised = revisão { $revision }, de { $at }
day-form = escreva assim: 22/11/2026

## A sheet.

sheet-answered =
    { $count ->
        [one] { $count } aluno respondeu
       *[other] { $count } alunos responderam
    }
sheet-present =
    { $count ->
        [one] { $count } aluno presente
       *[other] { $count } alunos presentes
    }
sheet-present-of =
    { $count ->
        [one] { $count } de { $listed } presente
       *[other] { $count } de { $listed } presentes
    }
count-present =
    { $count ->
        [one] { $count } presente
       *[other] { $count } presentes
    }
count-late = { $count } deles com atraso
count-excused =
    { $count ->
        [one] { $count } falta justificada
       *[other] { $count } faltas justificadas
    }
count-left =
    { $count ->
        [one] { $count } saiu antes do fim
       *[other] { $count } saíram antes do fim
    }
count-absent =
    { $count ->
        [one] { $count } ausente
       *[other] { $count } ausentes
    }
count-unlisted = { $count } fora da lista de alunos
title-excused = Faltas justificadas, { $count }:
title-left = Saíram antes do fim, { $count }:
title-absent = Ausentes, { $count }:
title-unlisted = Fora da lista de alunos, { $count }:
sheet-may-be = { $typed } pode ser { $student } { $name }
sheet-pressed = respondeu em { $at }
sheet-trail = Revisão { $revision }. O que aconteceu:
trail-extended = prorrogada até { $at }
trail-reopened = reaberta
trail-by = por { $name }
remark-second-device = segundo aparelho para esta matrícula
remark-several-numbers = um aparelho para várias matrículas
remark-by-teacher = registrado pelo professor
remark-many-wrong-codes = muitos códigos errados
remark-called-present = chamada em voz alta: estava
remark-called-absent = chamada em voz alta: não estava

## The code of the room, and names that are called.

code-none = a chamada da turma { $class } foi aberta sem código; encerre e abra de novo para ter um
not-open-any-more = a chamada da turma { $class } não está mais aberta
code-for = { $left } s  turma { $class }
code-heading = Turma { $class }: o código desta sala
code-left = por mais { $left } s
code-counts =
    { $present ->
        [one] { $present } presente
       *[other] { $present } presentes
    }, { $remarked } com observação, { $wrong ->
        [one] { $wrong } código errado
       *[other] { $wrong } códigos errados
    }; Ctrl-C termina
spot-none = não falta chamar ninguém: ninguém respondeu ainda, ou todos os que responderam já foram chamados

## Watching a roll call, full screen.

watch-left = restam { $left }
watch-class = Turma { $class }
watch-open-since = aberta desde { $at }
watch-late-from = atraso a partir de { $at }
watch-closes-at = encerramento: { $at }
watch-closed-at = encerrada: { $at }
watch-count = { $present }, { $late } com atraso
watch-arrivals = Chegadas: { $count }, a mais recente primeiro
watch-nobody-yet = ninguém respondeu ainda
watch-missing = Faltam: { $count }
watch-nobody-missing = não falta ninguém
watch-left-early = saiu antes do fim
watch-second-device = segundo aparelho
watch-several-numbers = um aparelho para várias
watch-by-teacher = pelo professor
watch-called-present = em voz alta: estava
watch-called-absent = em voz alta: não estava
watch-walk-in = fora da lista de alunos
watch-wrong-codes =
    { $count ->
        [one] { $count } código errado
       *[other] { $count } códigos errados
    }
watch-flagged = { $count } com observação ({ $mark })
watch-silent = sem resposta desde { $since } ({ $seconds } s); isto pode estar desatualizado
watch-refused = o servidor recusa: { $why }
watch-code-awaited = aguardando o próximo código
watch-no-code = esta chamada não tem código
watch-closed = a chamada está encerrada
watch-question-minutes = prorrogar por (minutos): {""}
watch-minutes-form = escreva um número de minutos de 1 a { $most }
watch-question-student = registrar (matrícula ou parte do nome): {""}
watch-no-match = ninguém na lista de alunos corresponde a '{ $typed }'
watch-offer-walk-in = { $number }, fora da lista de alunos
watch-question-walk-in = { $number } não está na lista de alunos; registrar assim mesmo? [s/N]
watch-question-walk-in-or = { $number } não está na lista de alunos; seria { $meant }? Registrar assim mesmo? [s/N]
watch-question-close = encerrar a chamada da turma { $class }? { $present } [s/N]
watch-not-before-class = isso mostraria nomes à turma; tecle p antes
watch-closed-already = a chamada está encerrada; nada foi alterado
watch-stays-open = a chamada da turma { $class } continua aberta; encerre com 'close { $class }'
watch-key-yes = s
watch-key-no = n
watch-hint-mark = registrar
watch-hint-extend = prorrogar
watch-hint-close = encerrar
watch-hint-projector = projetor
watch-hint-names = nomes
watch-hint-refresh = atualizar
watch-hint-scroll = rolar
watch-hint-quit = sair sem encerrar
watch-hint-leave = sair
watch-hint-take = aceitar
watch-hint-choose = escolher
watch-hint-yes = sim
watch-hint-no = não
watch-hint-back = voltar
watch-no-student = '{ $student }' não é uma matrícula
watch-unknown = sem resposta: não se sabe se { $done }; será perguntado de novo antes do próximo
watch-now-closed = A chamada da turma { $class } está encerrada.
watch-marked = { $student }: presente.
watch-marked-already = { $student } já estava presente.
watch-no-terminal-in = a entrada padrão não é um terminal; uma tela cheia precisa de um para as teclas
watch-no-terminal-out = a saída padrão não é um terminal; uma tela cheia precisa de um para desenhar

## Corrections.

in-class = na turma { $class }
in-revision = na turma { $class }, chamada { $number }, revisão { $revision }
corrected = { $who }: { $status } { $place }, em { $at }.
corrected-from = { $who }: { $status } { $place }, em { $at } (antes: { $was }).
corrected-already = { $who }: já constava como { $status } { $place }.
no-reason = isso não pode ser um motivo: { $cause }
no-title = isso não pode ser um título: { $cause }
unlisted = { $student } não está na lista de alunos da turma { $class }{ $meant }
unlisted-unanswered = { $student } não respondeu na turma { $class } e não está na lista de alunos dela{ $meant }
did-you-mean = ; seria { $student } { $name }?
window-form = escreva assim: 10m, 90s ou 1h30m; só um número vale minutos
window-too-short = precisa ser de um segundo ou mais

## Numbers that are scanned.

welcome-scan = Turma { $class }: uma matrícula por linha; Ctrl-D termina.
scan-unlisted = { $student } não está na lista de alunos da turma { $class }, e nada foi registrado; a mesma matrícula de novo registra a presença assim mesmo{ $meant }
scan-waiting = { $student } ainda está sem resposta; será enviado de novo
scan-already = já estava presente
scan-no-answer = resposta inesperada do servidor
scan-unanswered = sem resposta, e talvez sem registro: { $students }; leia de novo

## Rosters.

roster-changes = a lista de alunos muda sem parar; tente de novo
roster-implausible = o servidor anuncia uma lista de alunos impossível
roster-newer = a lista de alunos tem um formato mais novo do que este programa conhece; atualize o programa
roster-malformed = o que o servidor chama de lista de alunos não é uma
roster-none = a turma { $class } não tem lista de alunos; importe uma com: rollcall-teacher roster import { $class } ARQUIVO
roster-heading = A turma { $class } tem { $students }:
import-added =
    { $count ->
        [one] { $count } novo
       *[other] { $count } novos
    }
import-changed =
    { $count ->
        [one] { $count } alterado
       *[other] { $count } alterados
    }
import-removed =
    { $count ->
        [one] { $count } retirado
       *[other] { $count } retirados
    }
import-unchanged = { $count } como antes
import-nothing = nada foi importado de { $file }: { $cause }
imported = A turma { $class } agora tem { $students }: { $changes }.
import-unasked = nada foi alterado: a lista de alunos da turma { $class } teria { $changes }; aqui não há a quem perguntar, então use --yes
import-declined = nada foi alterado
import-broken-off = { $cause }; uma parte da lista de alunos da turma { $class } pode ter mudado: importe o arquivo de novo, só o que difere é enviado
import-progress = { $done } de { $all } alunos
codes-written =
    { $count ->
        [one] { $count } código gravado em { $path }; pode ser usado uma vez, durante uma semana.
       *[other] { $count } códigos gravados em { $path }; cada um pode ser usado uma vez, durante uma semana.
    }
cards-title = Turma { $class }
card-class = turma { $class }

## A file with a roster.

roster-file-unread = não foi possível ler: { $error }
roster-file-folder = é uma pasta; indique o arquivo dentro dela
roster-file-empty = está vazio
roster-file-too-large = passa de { $most } MiB, e nenhuma lista de alunos é tão grande
roster-file-binary = não é texto; salve a tabela como CSV antes
roster-file-no-students = não tem alunos, só um cabeçalho
roster-file-too-many = tem mais de { $most } alunos
roster-byte = tem um byte { $byte }, que não existe em texto
roster-encodings = está em outra codificação que as linhas anteriores; salve tudo como UTF-8
roster-quotation-mark = há aspas abertas e nunca fechadas; o arquivo pode estar incompleto
roster-header-number = o cabeçalho não tem uma coluna com as matrículas; chame-a de 'matrícula' ou 'number'
roster-header-name = o cabeçalho não tem uma coluna com os nomes; chame-a de 'nome' ou 'name'
roster-no-number-column = não está claro qual coluna tem as matrículas; comece o arquivo com a linha: matrícula,nome
roster-no-name-column = não há uma coluna com nomes; comece o arquivo com a linha: matrícula,nome
roster-two-names = { $student } é { $name } aqui e { $other } na linha { $line }; deixe só um deles
roster-no-number = falta a matrícula
roster-rounded = uma planilha transformou a matrícula em '{ $number }'; formate essa coluna como texto e digite as matrículas de novo
roster-no-name = { $number } está sem nome; a linha pode estar incompleta
roster-name = o nome '{ $name }' não pode ser um nome: { $cause }
roster-group = o grupo '{ $group }' não pode ser um grupo: { $cause }
roster-formula = '{ $text }' começa com '{ $first }', como uma fórmula; retire esse sinal

## Reports and exports.

report-heading = Turma { $class }, { $roll_calls }, { $lessons }. Contagem em aulas; quem se atrasa conta como presente.
column-number = matrícula
column-name = nome
column-of = de
column-present = pres
column-late = atras
column-excused = just
column-absent = aus
column-left = restam
report-below = abaixo de { $minimum } %
report-unlisted = Fora da lista de alunos:
export-workbook = uma planilha não é texto: indique um arquivo com --output ARQUIVO.xlsx
export-acronyms-form = escreva as quatro, de uma ou duas letras cada uma, assim: Pr,At,Di,Au
export-acronyms-format = só o Moodle tem siglas: use --acronyms com --format moodle
export-moodle-all = o Moodle importa uma sessão de cada vez: retire --all, ou diga qual com --number N
export-none = a turma { $class } não tem chamada encerrada; encerre uma com: rollcall-teacher close { $class }
export-no-number = a turma { $class } não tem a chamada encerrada { $number }; veja quais há com: rollcall-teacher history { $class }
export-formula = a matrícula { $number } começa como uma fórmula e não pode ser repassada; corrija na lista de alunos
export-moodle-unlisted = ficou de fora quem não está na lista de alunos: { $students }
exported-one = A chamada { $number } da turma { $class }, encerrada em { $at }, foi gravada em { $path }.
exported = { $count } chamadas da turma { $class } foram gravadas em { $path }.
file-folder = { $path } é uma pasta; indique o arquivo dentro dela
file-there = { $path } já existe; --force substitui
file-special = { $path } não é um arquivo comum e nunca é substituído; indique outro
file-unwritable = não foi possível gravar { $path }: { $error }; nada foi alterado
file-read-only = não pode ser alterado

## The student: marks.

welcome-student = Chamada. Responda com a sua matrícula e o número da turma. Ctrl-D termina.
marked = Presença de { $student } registrada na turma { $class } em { $at }.
marked-already = A presença de { $student } já estava registrada na turma { $class }, em { $at }.
marked-late = Presença de { $student } registrada com atraso na turma { $class } em { $at }.
marked-unlisted = { $student } não está na lista de alunos da turma { $class }: confira a matrícula ou avise o professor
mark-refused = a presença de { $student } foi recusada em { $at }: { $why }
refused-closed = chamada da turma { $class } já encerrada ({ $at })
refused-not-open-since = a turma { $class } não tem chamada aberta (a última foi encerrada em { $at }); peça ao professor que a abra
mine = { $student } na turma { $class }, chamada { $number }: { $at }
mine-tally = { $student } esteve presente em { $percent } % de { $lessons } na turma { $class } ({ $roll_calls } com a matrícula na lista de alunos): { $present } no horário, { $late } com atraso, { $excused } com justificativa, { $absent } faltas.
mine-left = Pelas aulas até agora, ainda cabem { $left } faltas antes de ficar abaixo de { $minimum } %.
mine-below = Isso é menos de { $minimum } %.
mine-none = nenhuma chamada encerrada tem presença registrada deste computador
kept = sem rede: a presença de { $students } na turma { $class } está guardada neste computador e será enviada pelo próximo comando rollcall-student; para esperar pela rede: rollcall-student send --timeout 10m
not-kept = e também não ficou guardada: { $cause }
kept-system = não foi possível guardar presenças em { $path }: { $source }
kept-damaged = { $path } não é uma presença guardada; remova-o
delivered = Presença de { $student } registrada na turma { $class } em { $at }; foi marcada em { $pressed }.
delivered-late = Presença de { $student } registrada com atraso na turma { $class } em { $at }; foi marcada em { $pressed }.
delivered-refused = a presença de { $student } na turma { $class }, marcada em { $pressed }, foi recusada: { $why }
send-nothing = nenhuma presença está guardada para { $server }
mine-kept = ainda não enviada: { $student } na turma { $class }, marcada em { $at }
not-sent = não enviado: { $students }
not-sent-after = não enviado: o que vem depois da linha { $line }
entry-form = escreva MATRÍCULA TURMA, ou só uma das duas; o código depois de ambas
entries-skipped = as linhas { $from } a { $to } foram puladas: depois de uma que não se entende, só vale uma linha com as duas, MATRÍCULA TURMA
entry-without-class-line = linha { $number }: presença de '{ $student }' não registrada: faltou a turma
entry-without-class = presença de { $student } não registrada: faltou a turma

## Why the server refuses.

refused = recusado: { $why }
refused-at = recusado em { $at }: { $why }
refusal-not-open = a turma { $class } não tem chamada aberta; o professor abre uma com: rollcall-teacher open { $class }
refusal-never-opened = a turma { $class } nunca teve chamada
refusal-roll-call-full = a chamada da turma { $class } está lotada
refusal-too-many-open = há chamadas abertas demais; encerre algumas primeiro
refusal-disk-low = o disco do servidor está quase cheio, e só as chamadas abertas continuam; fale com quem o administra
refusal-too-many-classes = este servidor não aceita mais turmas; fale com quem o administra
refusal-not-a-teacher = este computador não é de um professor; peça um convite a um administrador e digite: rollcall-teacher join LINK
refusal-not-an-admin = este computador não é de um administrador; quem opera o servidor cria um com: rollcall-server admin-link
refusal-not-your-class = a turma { $class } é de outro professor; ele a compartilha com: rollcall-teacher share { $class } NOME, ou um administrador a transfere
refusal-no-device = isso precisa chegar cifrado; peça o link de entrada do servidor e digite: join LINK
refusal-invite-unknown = esse convite não existe; confira, ou peça outro
refusal-invite-used = outro computador já usou o convite; peça outro, e pergunte quem foi
refusal-invite-ended = o convite venceu; peça outro
refusal-other-person = este computador já é de outra pessoa; entre com outra conta dele
refusal-unknown-device = esse aparelho não existe; veja quais há com: people
refusal-unknown-teacher = não há professor com esse nome; os nomes se escrevem como no convite
refusal-unknown-student = nenhum aluno com essa matrícula respondeu na turma { $class }
refusal-no-room = este servidor não guarda mais disso; fale com quem o administra
refusal-code-needed = informe o código mostrado na sala: --code N
refusal-wrong-code = esse não é o código mostrado na sala; olhe de novo, ele muda
refusal-code-limit = vieram códigos errados demais para esta matrícula ou deste computador; fale com o professor
refusal-other-device = esta matrícula responde por outro aparelho, e o professor não aceita um segundo; fale com o professor
refusal-other-number = este aparelho responde por outra matrícula, e o professor não aceita uma segunda; fale com o professor
refusal-not-enrolled = este aparelho não está inscrito para a matrícula; peça um convite e digite: rollcall-student join LINK
refusal-taken-back = o professor retirou a sua resposta; fale com o professor
refusal-too-late = a resposta foi dada há tempo demais, ou antes de a chamada ser aberta; fale com o professor
refusal-roster-changed = outra pessoa alterou a lista de alunos da turma { $class } nesse meio-tempo; importe o arquivo de novo
refusal-no-such-roll-call = a turma { $class } não tem essa chamada encerrada; veja quais há com: rollcall-teacher history { $class }
refusal-reopen-too-late = a chamada da turma { $class } foi encerrada há mais de dez minutos; corrija a lista de presença com mark, unmark, late ou excuse, ou abra uma nova chamada

## No answer.

no-answer = nenhuma resposta de { $server } em { $timeout }{ $outcome } ({ $hints })
client-forgotten = { $server } não conhece mais este cliente{ $outcome }; pergunte de novo para saber
hint-versions = ele usa a versão { $versions } do protocolo; atualize
hint-busy = o servidor está lá, mas lotado: tente de novo em alguns minutos
hint-refused = não há nada em { $address }: o servidor está ligado?
hint-silent = o endereço e a rede estão certos, e este computador já entrou nele?
hint-silent-joined = o endereço e a rede estão certos, e o servidor ainda tem a chave { $key }?
waiting = ainda sem resposta, tentando de novo ({ $attempt }), restam { $left } s
waiting-refused = ainda não há nada em { $address }; tentando ({ $attempt }), restam { $left } s
interrupted = interrompido
interrupted-with = interrompido{ $outcome }
interrupted-unknown = interrompido{ $outcome }; pergunte de novo para saber
outcome-not-sent = ; não foi enviado: { $operation }
outcome-unknown = ; não se sabe se { $done }
subject-open = a abertura da chamada da turma { $class }
subject-close = o encerramento da chamada da turma { $class }
subject-mark = a presença de { $student } na turma { $class }
subject-join = o uso do convite
subject-act = o ato ({ $deed })
subject-extend = a prorrogação da chamada da turma { $class }
subject-reopen = a reabertura da chamada da turma { $class }
subject-correct = a correção de { $student } na turma { $class }
subject-enrol = uma alteração da lista de alunos da turma { $class }
done-open = a chamada da turma { $class } foi aberta
done-close = a chamada da turma { $class } foi encerrada
done-mark = a presença de { $student } na turma { $class } foi registrada
done-join = o convite foi usado
done-act = isto foi feito: { $deed }
done-extend = a chamada da turma { $class } foi prorrogada
done-reopen = a chamada da turma { $class } foi reaberta
done-correct = { $student } foi corrigido na turma { $class }
done-enrol = a lista de alunos da turma { $class } foi alterada
deed-invite = convite para { $guest }
deed-revoke = aparelho { $device } revogado
deed-release = matrícula { $student } liberada
deed-give = turma { $class } passada para { $teacher }
deed-share = turma { $class } compartilhada com { $teacher }
deed-call-there = { $student } chamado na turma { $class }: estava
deed-call-absent = { $student } chamado na turma { $class }: não estava
deed-enrol = convite para o aluno { $student } da turma { $class }
guest-admin = administrador { $name }
guest-teacher = docente { $name }
guest-student = aluno { $student }
from-before = { $operation }, de antes: { $outcome }
from-before-unknown = { $operation }, de antes: não será mais possível saber o resultado
settled-opened = aberta em { $at }
settled-open = já estava aberta desde { $at }
settled-closed = encerrada em { $at }
settled-revoked = não há mais como saber: este computador foi revogado
settled-done = feito em { $at }
settled-recorded = registro feito em { $at }
settled-refused = recusa em { $at } ({ $reason })
settled-answered = respondido
revoked = este computador foi revogado: não pode fazer mais nada neste servidor{ $outcome }; fale com um administrador; para entrar como um aparelho novo, tire device.key da pasta de configurações
call-unresolved = não foi possível encontrar o servidor '{ $server }': { $reason }
call-unanswered = sem resposta
call-stalled = o servidor responde, mas { $what } não chega ao fim; tente de novo mais tarde
stalled-files = a lista de arquivos dele
stalled-marks = a lista de presenças dele
stalled-open-roll-calls = a lista de chamadas abertas dele
stalled-sheets = o histórico de listas de presença dele
stalled-reading = a leitura do arquivo por ele
call-revoked = este aparelho foi revogado
call-refused = recusado: { $reason }
system-refused = o sistema operacional recusou: { $error }

## Joining a server.

no-server = '{ $name }' não é um endereço de servidor: { $cause } (veja --help)
no-join-link = este não é um link de entrada: { $cause }
no-invite = este não é um convite: { $cause }
joined-now = Você entrou em { $server }; a chave dele é { $key }
joined-before = Você já tinha entrado em { $server }; a chave dele é { $key }
joined = entrada em { $server } como { $guest } em { $at }
join-unproved = { $server } não provou em { $timeout } que tem a chave do link; ele está ligado, e o link é dele? Nada foi alterado
join-without-invite = sem convite, este computador pode responder a chamadas, mas não fazer nenhuma
join-unanswered = nenhuma resposta de { $server } em { $timeout }; não se sabe se o convite foi usado; repita o comando para saber
join-another-key = { $server } É CONHECIDO POR OUTRA CHAVE: { $known } em vez de { $key }. Alguém pode estar respondendo no lugar dele. Pergunte a quem o administra; se a chave mudou mesmo, entre de novo depois de --forget-server
keys-not-kept = não foi possível guardar o que o servidor disse sobre as chaves dele: { $cause }
not-plainly = você já entrou em { $server }, e com ele não se fala às claras; retire --plain, ou esqueça a chave dele com --forget-server
server-unknown = { $server } não é conhecido neste computador; peça o link de entrada dele e digite: join LINK; só onde todos na rede são de confiança: --plain
key-forgotten = a chave de { $server } foi esquecida
key-not-there = você não tinha entrado em { $server }: não há nada a esquecer
key-unread = não foi possível ler a chave em { $path }: { $source }
key-not-made = não foi possível criar uma chave em { $path }: { $source }
key-open = outras pessoas podem ler a chave em { $path }; se ninguém leu, feche-a: chmod 600 { $path }
key-foreign = a chave em { $path } é de outro usuário deste computador; execute como esse usuário
key-damaged = { $path } não é uma chave: está vazio ou danificado; recupere uma cópia, ou tire-o dali para criar uma nova, com a qual será preciso entrar de novo
trust-no-key = { $cause }; permita a escrita nessa pasta, ou indique outra em ROLLCALL_CONFIG
trust-no-folder = este sistema não diz onde guardar chaves; indique uma pasta em ROLLCALL_CONFIG
trust-unread = não foi possível ler { $path }: { $source }; permita a leitura dessa pasta, ou indique outra em ROLLCALL_CONFIG
trust-unwritten = não foi possível gravar { $path }: { $source }; nada foi alterado; permita a escrita nessa pasta, ou indique outra em ROLLCALL_CONFIG
trust-line = a linha { $line } de { $path } não foi entendida; corrija ou apague

## Files that the server offers.

files-none = este servidor não oferece arquivos; quem o administra pode oferecer, com --files
files-empty = A pasta de arquivos oferecidos está vazia.
file-form = digite um número de 1 a { $most }, ou um nome
file-path = '{ $file }' é um caminho; dê o nome de um arquivo
file-no-number =
    { $count ->
        [one] não há arquivo de número { $index }; o servidor oferece { $count } arquivo
       *[other] não há arquivo de número { $index }; o servidor oferece { $count } arquivos
    }
file-none = o servidor não oferece o arquivo '{ $name }', ou não consegue ler; veja 'rollcall-student files'
file-changes = '{ $name }' muda sem parar no servidor; tente de novo mais tarde
file-damaged = '{ $name }' chegou duas vezes, e nas duas não era o que o servidor anunciou; avise quem administra o servidor
file-not-resumed = não foi possível continuar: { $error }
file-unwritten = não foi possível gravar { $path }: { $error }
file-unwritten-full = não foi possível gravar { $path }: { $error }; libere espaço ali
file-broken-off = { $why }; { $kept } de { $all } estão guardados: repita o comando para continuar
fetched = { $path } chegou: { $all } em { $seconds } s, { $rate }/s.
fetched-before = { $path } chegou: { $all } já estavam aqui.
fetched-rest = { $path } chegou: { $all }, dos quais { $before } já estavam aqui e { $rest } vieram em { $seconds } s, { $rate }/s.
fetch-revoked = este computador foi revogado
fetch-gone = o servidor não tem mais isso
fetch-damaged = o que chegou não é o que o servidor anunciou, duas vezes; avise quem administra o servidor
fetch-sheet = { $cause }; busque de novo, ou fale com quem administra o servidor
fetch-implausible = o servidor anuncia uma lista de presença de { $bytes } bytes para { $students } alunos, o que é impossível; fale com quem administra o servidor
fetch-unwritten = não foi possível gravar: { $error }
sheet-damaged = a lista de presença não corresponde ao nome dela
sheet-malformed = o que o servidor chama de lista de presença não é uma
sheet-newer = a lista de presença tem um formato mais novo do que este programa conhece; atualize o programa
progress = { $so_far } de { $all }
progress-waiting = { $so_far } de { $all }, aguardando
progress-rate = { $so_far } de { $all }, { $rate }/s, restam { $left }
server-reading = { $so_far } de { $all } lidos pelo servidor
output-no-name = { $path } não é nome para um arquivo
output-no-folder = não há uma pasta { $path }; crie-a primeiro, ou retire a última /
output-no-folder-for = não foi possível gravar { $path }: não há uma pasta { $folder }; crie-a primeiro
output-folder = { $path } é uma pasta e nunca é substituída; use --output para salvar em outro lugar
output-no-file = { $path } não é um arquivo comum e nunca é substituído; use --output para salvar em outro lugar
output-there = { $path } já existe; use --force para substituir, ou --output para salvar em outro lugar
output-unwritten = não foi possível gravar em { $folder }: { $error }; use --output para salvar em outro lugar
output-under-way = outro download deste arquivo para este lugar está em andamento
output-taken = outros já ocupam os nomes para uma parte em { $folder }; use --output para salvar em outro lugar
output-changes = outro programa o está alterando
output-unsaved = não foi possível salvar { $path }: { $error }

## Why a text is not what it should be.

not-a-class = uma turma é um número de 1 a 4294967295
not-a-student-empty = uma matrícula tem pelo menos um caractere
not-a-student-too-long = uma matrícula tem no máximo { $most } caracteres
not-a-student-character = uma matrícula é feita de letras, algarismos e sinais ASCII, sem espaços
not-a-roll-call-number = as chamadas de uma turma são numeradas a partir de 1; veja-as com: rollcall-teacher history TURMA
not-a-code = o código são os seis algarismos mostrados na sala
not-an-invite = um convite são dezesseis letras e algarismos em quatro grupos, como ABCD-EFGH-IJKL-2345
not-a-name-empty = um nome tem pelo menos um caractere
not-a-name-too-long = um nome tem no máximo { $most } bytes; letras com acento ocupam dois
not-a-name-character = um nome não tem caracteres invisíveis, nem dois espaços seguidos
not-a-line-empty = não tem nenhum caractere
not-a-line-too-long = tem mais de { $most } bytes; letras com acento ocupam dois
not-a-line-character = tem caracteres invisíveis, ou espaços nas pontas, ou dois espaços seguidos
not-a-file-name-empty = o nome de um arquivo tem pelo menos um caractere
not-a-file-name-too-long = o nome de um arquivo tem no máximo { $most } bytes
not-a-file-name-hidden = um arquivo oferecido não começa com ponto
not-a-file-name-character = o nome de um arquivo não tem barras, nem caracteres invisíveis
not-a-server = escreva SERVIDOR:PORTA, por exemplo 192.0.2.7:5050
not-a-link = um link de entrada tem a forma rollcall://SERVIDOR:PORTA/#CHAVE
not-a-link-server = o endereço dele não foi entendido: { $cause }
not-a-key = uma chave tem 58 letras e algarismos: o link está inteiro?
not-a-key-check-sum = uma letra da chave está errada: copie o link de novo
not-a-number = não é um número que sirva aqui ({ $error })
not-in-range = { $value } está fora de { $range }
deadline-form = escreva assim: 30s, 500ms ou 2m
deadline-zero = precisa ser maior que zero

## What is wrong with a command line.

usage = { $cause } (veja { $program } --help)
usage-argument = argumento inesperado '{ $argument }'
usage-command = comando desconhecido '{ $command }'
usage-conflict = o argumento '{ $argument }' não pode ser usado com '{ $prior }'
usage-twice = o argumento '{ $argument }' não pode ser usado mais de uma vez
usage-missing = faltam estes argumentos obrigatórios: { $arguments }
usage-no-value = falta um valor para '{ $argument }'
usage-not-text = um ou mais argumentos não são texto (UTF-8)
usage-too-many-values = valor inesperado '{ $value }' para '{ $argument }'; nenhum outro era esperado
usage-value = valor inválido '{ $value }' para '{ $argument }'
usage-value-because = valor inválido '{ $value }' para '{ $argument }': { $cause }
usage-suggestion = ; seria { $words }?

## What clap says around the help of every command.

help-usage = Uso
help-commands = Comandos
help-arguments = Argumentos
help-options = Opções
help-any-options = OPÇÕES
help-command = COMANDO
help-env = {"["}ambiente: { $value }]
help-default = {"["}padrão: { $value }]
help-possible-values = {"["}valores possíveis: { $value }]
help-help = Mostra esta mensagem ou a ajuda dos comandos indicados
help--help = Mostra a ajuda
help--help_more = Mostra a ajuda (veja mais com '--help')
help--help_summary = Mostra a ajuda (veja um resumo com '-h')
help--version = Mostra a versão

## The values of arguments.

value-class = TURMA
value-d = D
value-f = F
value-file = ARQUIVO
value-host-port = SERVIDOR:PORTA
value-link = LINK
value-list = LISTA
value-n = N
value-name-index = NOME|NÚMERO
value-path = CAMINHO
value-student = MATRÍCULA
value-t = T
value-teacher = PROFESSOR
value-text = TEXTO
value-time = TEMPO
value-w = Q

## --help: what several commands have.

help--server = O servidor a consultar; sem porta: 5050
help--plain = Falar às claras com um servidor em que não se entrou: quem estiver no caminho pode ler e alterar o que é dito. Nunca com um em que já se entrou
help--forget-server = Esquecer a chave do servidor em que se entrou antes, e falar com ele como se fosse desconhecido
help--json = Imprimir um objeto JSON por linha na saída padrão, e nada mais ali
help--timeout = Por quanto tempo insistir até o resultado contar como desconhecido, no máximo 10m
help--link = O link: rollcall://SERVIDOR:PORTA/#CHAVE
help--class = A turma
help--number = A chamada com este número, como 'history' mostra
help--force = Substituir um arquivo que já existe

## --help of rollcall-teacher.

help-teacher = Abre a chamada de uma turma, encerra e dá a lista de presença
help-teacher_long =
    Abre a chamada de uma turma, encerra e dá a lista de presença.

    Sem um comando, pergunta o número de uma turma, uma vez após a outra. Se a turma não tem chamada aberta, abre uma; se tem, diz desde quando e quantos responderam, e pergunta se deve encerrar.

    Onde não há a quem perguntar, porque a entrada padrão não é um terminal, uma segunda linha com a mesma turma encerra a chamada, se a linha anterior a abriu ou informou que estava aberta. Nesse caso o código de saída é o maior de tudo o que foi feito.
help-teacher_after =
    Exemplos:
      rollcall-teacher                       pergunta as turmas, como na sala de aula
      rollcall-teacher open 3030             abre a chamada da turma 3030
      rollcall-teacher status                o que está aberto, e quantos responderam
      rollcall-teacher close 3030            encerra e mostra a lista de presença
      rollcall-teacher --json sheet 3030     a última lista encerrada de novo, para um programa
      rollcall-teacher code 3030             o código da sala, grande, para o projetor
      rollcall-teacher spot 3030 3           três nomes para chamar em voz alta, e quem estava
      rollcall-teacher mark 3030 042191010   registra quem deixou o celular em casa
      rollcall-teacher history 3030          todas as chamadas da turma, com seus números
      rollcall-teacher sheet 3030 --number 7
      rollcall-teacher sheet 3030 --date 22/11/2026
      rollcall-teacher --server 192.0.2.7:5050 open 3030

    Códigos de saída: 0 feito, 1 falha, 2 uso incorreto, 3 recusado, 4 sem resposta (resultado
    desconhecido), 130 Ctrl-C durante a espera por uma resposta (resultado desconhecido)
help-teacher-join = Aprender por qual chave se reconhece um servidor, a partir do link dado por quem o administra
help-teacher-open = Abrir a chamada de uma turma
help-teacher-open--class = A turma: um número de 1 a 4294967295
help-teacher-open--who = Quem pode responder, com um servidor em que se entrou: 'anyone', por qualquer matrícula, como num computador usado por muitos; 'device', cada matrícula por um aparelho próprio, e o que contradiz isso é registrado e aparece na lista de presença (é assim sem esta opção); 'enrolled', só aparelhos que entraram com o convite para a matrícula
help-teacher-open--strict = Recusar um segundo aparelho para uma matrícula, e uma segunda matrícula de um aparelho, em vez de mostrar isso na lista de presença
help-teacher-open--code = Aceitar respostas só com o código mostrado na sala. Já é assim com um servidor em que se entrou
help-teacher-open--no-code = Aceitar respostas sem código, de onde vierem
help-teacher-open--for = Encerrar sozinha depois deste tempo: 10m, 90s, 1h30m; no máximo um dia
help-teacher-open--late-after = Quem responde depois deste tempo está com atraso
help-teacher-open--lessons = Contar como este número de aulas, nos relatórios
help-teacher-open--title = Como se chama, nas listas de presença e nas exportações
help-teacher-open--accept-delayed = Aceitar uma resposta que estava sem rede na hora, até este tempo depois; 0 para nunca
help-teacher-extend = Mudar o fim de uma chamada aberta, e a partir de quando há atraso, se ainda não há; sem fim, ela ganha um
help-teacher-extend--by = Por quanto: 5m, 90s
help-teacher-reopen = Reabrir uma chamada encerrada por engano, em até dez minutos
help-teacher-close = Encerrar a chamada de uma turma e mostrar a lista de presença
help-teacher-status = Mostrar quais chamadas estão abertas, ou uma delas
help-teacher-status--class = A turma; se omitida, todas as que estão abertas
help-teacher-sheet = Mostrar de novo a última lista de presença encerrada de uma turma, ou uma anterior
help-teacher-sheet--revision = Uma revisão anterior dela, como 'history' mostra
help-teacher-sheet--date = Todas as encerradas neste dia: 22/11/2026
help-teacher-history = Listar todas as chamadas encerradas de uma turma, com seus números
help-teacher-code = Mostrar o código da sala de uma turma, grande e ao vivo, até a chamada ser encerrada ou até Ctrl-C
help-teacher-spot = Sortear alunos para chamar em voz alta, primeiro aqueles em que algo é suspeito, e anotar quem estava: para cada um, s ou n, ou nada
help-teacher-spot--class = A turma, cuja chamada está aberta
help-teacher-spot--count = Quantos, no máximo 20
help-teacher-mark = Registrar a presença de alunos, sem código, com a chamada aberta ou depois de encerrada; a lista de presença diz que foi você
help-teacher-mark--class = A turma: a chamada aberta dela, ou senão a última
help-teacher-mark--students = As matrículas, ou "-" para ler da entrada padrão, uma em cada linha
help-teacher-mark--reason = Por quê; fica no histórico da lista de presença
help-teacher-mark--number = A chamada encerrada com este número, como 'history' mostra
help-teacher-unmark = Retirar a presença de alunos
help-teacher-unmark--class = { help-teacher-mark--class }
help-teacher-unmark--students = { help-teacher-mark--students }
help-teacher-unmark--reason = { help-teacher-mark--reason }
help-teacher-unmark--number = { help-teacher-mark--number }
help-teacher-late = Anotar que alunos chegaram atrasados
help-teacher-late--class = { help-teacher-mark--class }
help-teacher-late--students = { help-teacher-mark--students }
help-teacher-late--reason = { help-teacher-mark--reason }
help-teacher-late--number = { help-teacher-mark--number }
help-teacher-excuse = Anotar que alunos faltaram com uma justificativa que você aceita
help-teacher-excuse--class = { help-teacher-mark--class }
help-teacher-excuse--students = { help-teacher-mark--students }
help-teacher-excuse--reason = { help-teacher-mark--reason }
help-teacher-excuse--number = { help-teacher-mark--number }
help-teacher-left = Anotar que alunos saíram antes do fim
help-teacher-left--class = { help-teacher-mark--class }
help-teacher-left--students = { help-teacher-mark--students }
help-teacher-left--reason = { help-teacher-mark--reason }
help-teacher-left--number = { help-teacher-mark--number }
help-teacher-roster = Quem pertence a uma turma
help-teacher-roster-import = Fazer da lista de alunos de uma turma o que diz um arquivo: CSV como escrevem Moodle, Excel ou SIGAA. O que muda é mostrado antes
help-teacher-roster-import--file = O arquivo
help-teacher-roster-import--yes = Fazer sem perguntar
help-teacher-roster-show = Mostrar a lista de alunos de uma turma
help-teacher-roster-codes = Criar um código de uso único para cada aluno de uma turma, com o qual um aparelho entra como sendo dele, para 'open --who enrolled'. Como CSV para mala direta, ou como cartões para recortar se ARQUIVO termina em .html
help-teacher-roster-codes--output = Onde gravar. Sem isso: na saída padrão, como CSV
help-teacher-scan = Registrar um aluno após o outro: uma matrícula por linha, do teclado ou de um leitor de código de barras
help-teacher-watch = Acompanhar uma chamada aberta em tela cheia: quem chega, quem falta, o código da sala grande para o projetor (tecla p); prorrogar, registrar alguém, encerrar
help-teacher-export = Gravar chamadas encerradas em um arquivo para outros programas
help-teacher-export--format = 'csv' tem uma linha para cada aluno e chamada, 'wide' uma coluna para cada chamada, 'json' um objeto para cada uma; 'xlsx' é uma planilha com as duas tabelas; 'moodle' é o que a importação de presenças dele aceita
help-teacher-export--output = Onde gravar. Sem isso: na saída padrão; para 'xlsx' é preciso um arquivo
help-teacher-export--acronyms = As siglas que a atividade do Moodle tem para presente, atrasado, justificada e ausente. Sem isso: P,L,E,A, como em inglês; em português costumam ser Pr,At,Di,Au
help-teacher-export--all = Todas as chamadas encerradas da turma; sem isso, só a última
help-teacher-report = Mostrar com que frequência cada aluno esteve presente, em todas as chamadas encerradas
help-teacher-report--minimum = Indicar quem esteve em menos de tantas de cem aulas
help-teacher-report--planned = Quantas aulas o curso tem ao todo: as faltas que restam são contadas em relação a isso
help-teacher-share = Permitir que outro professor também faça as chamadas de uma turma sua e leia as listas de presença
help-teacher-share--teacher = O nome do professor, como foi escrito no convite

## --help of rollcall-student.

help-student = Responde à chamada de uma turma com uma matrícula, e busca arquivos
help-student_long =
    Responde à chamada de uma turma com uma matrícula, e busca arquivos.

    Sem um comando, pergunta matrícula e turma, uma vez após a outra, para que vários alunos possam usar um computador. As duas podem vir em uma linha, MATRÍCULA TURMA, separadas por espaço, tabulação, vírgula ou ponto e vírgula.

    Onde não há a quem perguntar, porque a entrada padrão não é um terminal, nada é adivinhado: depois de uma linha que não se entende, só valem linhas com as duas, até haver uma. Nesse caso o código de saída é o maior de tudo o que foi feito.
help-student_after =
    Exemplos:
      rollcall-student                          pergunta matrícula e turma
      rollcall-student mark 3030 042191010      responde à chamada da turma 3030
      rollcall-student --json mark 3030 10 20   vários alunos, para um programa
      rollcall-student mark 3030 - < lista.txt  os alunos de uma lista, um em cada linha
      rollcall-student mark 3030 10 --code 123456   com o código mostrado na sala
      rollcall-student send --timeout 10m       enviar o que ficou sem resposta, e esperar pela rede
      rollcall-student mine                     o que foi registrado deste computador
      rollcall-student files                    quais arquivos o servidor oferece
      rollcall-student get notas.pdf            busca um deles; também pelo número na lista
      rollcall-student --server 192.0.2.7:5050 mark 3030 042191010

    Códigos de saída: 0 feito, 1 falha, 2 uso incorreto, 3 recusado, 4 sem resposta (resultado
    desconhecido), 130 Ctrl-C durante a espera por uma resposta (resultado desconhecido)
help-student-join = { help-teacher-join }
help-student-mark = Registrar a presença de um aluno ou de vários
help-student-mark--class = { help-teacher-open--class }
help-student-mark--students = As matrículas: 1 a 32 caracteres sem espaços; zeros à esquerda são mantidos. Ou "-" para ler da entrada padrão, uma em cada linha
help-student-mark--code = O código mostrado na sala: seis algarismos
help-student-send = Enviar as presenças que ficaram sem resposta, com o tempo desde que foram marcadas
help-student-mine = Mostrar as presenças de chamadas encerradas registradas deste computador, e a frequência dos seus alunos
help-student-mine--minimum = Quem esteve presente em menos aulas, de cada cem, é avisado disso
help-student-mine--class = Só desta turma
help-student-files = Mostrar os arquivos que o servidor oferece, numerados, com seus tamanhos
help-student-get = Buscar um arquivo. O que foi interrompido continua de onde parou
help-student-get--file = O nome do arquivo, ou o número dele na lista; se omitido, é perguntado
help-student-get--output = Onde salvar: um arquivo ou uma pasta. Sem isso: aqui, com o nome dele
