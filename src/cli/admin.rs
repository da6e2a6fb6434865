//! `rollcall-admin`: who may do what.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::{Parser, Subcommand};
use data_encoding::HEXLOWER;
use serde::Serialize;

use super::Exit;
use super::client::{ClientFlags, CommandClient};
use super::join::{Joining, join};
use super::json::print_json;
use super::local_time::LocalTime as _;
use super::words::{complain, counted, parse, printed};
use crate::access::{Guest, PersonName, Role};
use crate::exchange::{Act, ActRecord, StaffDevice};
use crate::ids::{ClassId, DeviceId, StudentNumber};
use crate::limits::INVITE_LIFE;
use crate::shell::clock::fresh_invite;

/// Say who may do what: invite teachers, admins and students, see who is there, revoke a device, give a class
/// away, and see all that was done.
///
/// The first admin is made at the server, with: rollcall-server admin-link
#[derive(Parser, Debug)]
#[command(name = "rollcall-admin", version, after_help = EXAMPLES)]
struct Flags {
    #[command(flatten)]
    client: ClientFlags,

    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  rollcall-admin join 'rollcall://roll.example.edu:5050/#KEY'
  rollcall-admin invite teacher 'Ana Silva'    for one computer, within a week
  rollcall-admin invite student 042191010 10   one for each, for roll calls with --who enrolled
  rollcall-admin people                        the computers of admins and teachers
  rollcall-admin revoke 3f9a                   the one whose name begins so: it can do nothing any more
  rollcall-admin release 042191010             a new telephone: the number is nobody's until the next mark
  rollcall-admin give 3030 'Ana Silva'         the class is hers from now on
  rollcall-admin log                           who did what, and when

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown),
130 Ctrl-C while waiting for an answer (outcome unknown)";

#[derive(Subcommand, Debug)]
enum Command {
    /// Learn by which key a server is known, and become an admin with the invite that is asked for.
    Join {
        /// The link: rollcall://HOST:PORT/#KEY.
        link: String,
    },
    #[command(flatten)]
    Work(Work),
}

/// What is done with a server that is known.
#[derive(Subcommand, Debug)]
enum Work {
    /// Make an invite, which one computer can use within a week.
    Invite {
        #[command(subcommand)]
        guest: GuestFlag,
    },
    /// Show the computers of admins and teachers.
    People,
    /// End all that a computer may do, at once.
    Revoke {
        /// The computer, as 'people' shows it, or the beginning of that.
        device: String,
    },
    /// End every bond between a student number and devices: the next one that answers with the code is its.
    Release {
        /// The number.
        student: StudentNumber,
    },
    /// Make a class a teacher's.
    Give {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The teacher's name, as it was written in the invite.
        #[arg(value_name = "TEACHER")]
        teacher: PersonName,
    },
    /// Show all that admins and teachers did.
    Log,
}

/// For whom an invite is.
#[derive(Subcommand, Debug)]
enum GuestFlag {
    /// A computer of this teacher.
    Teacher {
        /// The name. A name that is known means the same person.
        name: PersonName,
    },
    /// A computer of this admin.
    Admin {
        /// The name. A name that is known means the same person.
        name: PersonName,
    },
    /// The device of each of these students.
    Student {
        /// The numbers.
        #[arg(value_name = "NUMBER", required = true)]
        students: Vec<StudentNumber>,
    },
}

/// Runs the command with these arguments.
#[must_use]
pub fn run(arguments: &[OsString]) -> Exit {
    let result = parse::<Flags>(arguments).and_then(|flags| {
        let work = match flags.command {
            Command::Join { link } => return join(&link, Joining::Staff, &flags.client),
            Command::Work(work) => work,
        };
        let mut admin = Admin { client: CommandClient::new(flags.client)? };
        match work {
            Work::Invite { guest: GuestFlag::Teacher { name } } => {
                admin.invite(Guest::Staff { role: Role::Teacher, name })
            }
            Work::Invite { guest: GuestFlag::Admin { name } } => {
                admin.invite(Guest::Staff { role: Role::Admin, name })
            }
            Work::Invite { guest: GuestFlag::Student { students } } => {
                let mut guests = students.into_iter().map(|student| Guest::Student { student });
                guests.try_for_each(|guest| admin.invite(guest))
            }
            Work::People => admin.people(),
            Work::Revoke { device } => admin.revoke(&device),
            Work::Release { student } => admin.release(student),
            Work::Give { class, teacher } => admin.give(class, teacher),
            Work::Log => admin.log(),
        }
    });
    result.err().unwrap_or(Exit::Done)
}

struct Admin {
    client: CommandClient,
}

impl Admin {
    /// Draws an invite, and tells the server only its name.
    fn invite(&mut self, guest: Guest) -> Result<(), Exit> {
        let code = fresh_invite();
        let done = self.client.act(Act::Invite { invite: code.id(), guest })?;
        let ends_at = done.at().after(INVITE_LIFE);
        let link = self.client.link();
        if self.client.json() {
            return printed(print_json(&InviteLine {
                guest: guest.to_string(),
                invite: code.to_text(),
                link,
                at: done.at().to_rfc3339(),
                ends_at: ends_at.to_rfc3339(),
                devices: done.count(),
                attempts: done.attempts(),
            }));
        }
        let program = match guest {
            Guest::Staff { role: Role::Admin, .. } => "rollcall-admin",
            Guest::Staff { role: Role::Teacher, .. } => "rollcall-teacher",
            Guest::Student { .. } => "rollcall-student",
        };
        let mut out = io::stdout();
        let known = match (guest, done.count()) {
            (_, 0) => String::new(),
            (Guest::Staff { name, .. }, devices) => {
                let devices = counted(devices as usize, "computer", "computers");
                format!(
                    "\n{name} has {devices} already: this one will be the same person's, with the same \
                     classes. For another person write another name."
                )
            }
            (Guest::Student { student }, devices) => {
                let devices = counted(devices as usize, "device", "devices");
                format!(
                    "\n{student} answers from {devices} already; to end that: rollcall-admin release {student}"
                )
            }
        };
        let text = format!(
            "Invite for {guest}, for one computer, until {}:\n\n  {}\n\nThere: {program} join '{link}'\nand, \
             when it asks for it, the invite.{known}",
            ends_at.to_local(),
            code.to_text()
        );
        printed(writeln!(out, "{text}"))
    }

    fn people(&mut self) -> Result<(), Exit> {
        let (devices, attempts) = self.devices()?;
        for device in &devices {
            self.show(device, attempts)?;
        }
        Ok(())
    }

    /// All devices with a role, in order of who joined first.
    fn devices(&mut self) -> Result<(Vec<StaffDevice>, u32), Exit> {
        let (mut found, attempts) = self.client.list::<StaffDevice>()?;
        found.sort_by_key(|it| it.joined_at);
        Ok((found, attempts))
    }

    fn show(&self, it: &StaffDevice, attempts: u32) -> Result<(), Exit> {
        let roles = [(it.admin, "admin"), (it.teacher, "teacher")];
        let roles: Vec<_> = roles.into_iter().filter(|role| role.0).map(|role| role.1).collect();
        let device = HEXLOWER.encode(it.device.as_bytes());
        if self.client.json() {
            return printed(print_json(&PersonLine {
                name: it.name.to_string(),
                roles,
                device,
                joined_at: it.joined_at.to_rfc3339(),
                revoked: it.revoked,
                attempts,
            }));
        }
        let (name, roles) = (it.name, roles.join(" and "));
        let since = it.joined_at.to_local();
        let revoked = if it.revoked { "  REVOKED" } else { "" };
        printed(writeln!(io::stdout(), "{device}  {name}: {roles} since {since}{revoked}"))
    }

    fn revoke(&mut self, text: &str) -> Result<(), Exit> {
        let device = self.find(text)?;
        let done = self.client.act(Act::Revoke { device })?;
        let was = if done.changed() { "is" } else { "was" };
        let device = HEXLOWER.encode(device.as_bytes());
        self.client.tell_act(&done, &format!("{device} {was} revoked: it can do nothing any more."))
    }

    /// The device whose name begins like this. A whole name may also be that of a student's device.
    fn find(&mut self, text: &str) -> Result<DeviceId, Exit> {
        let text = text.to_lowercase();
        if let Ok(bytes) = HEXLOWER.decode(text.as_bytes())
            && let Ok(bytes) = bytes.try_into()
        {
            return Ok(DeviceId::from_bytes(bytes));
        }
        let (devices, _) = self.devices()?;
        let begins = |it: &&StaffDevice| HEXLOWER.encode(it.device.as_bytes()).starts_with(&text);
        let found: Vec<_> = devices.iter().filter(begins).collect();
        match found[..] {
            [only] if !text.is_empty() => Ok(only.device),
            [] => {
                complain(format_args!(
                    "no computer's name begins with '{text}'; see them with: rollcall-admin people"
                ));
                Err(Exit::Usage)
            }
            _ => {
                complain(format_args!(
                    "the names of {} begin with '{text}'; write more of it",
                    counted(found.len(), "computer", "computers")
                ));
                Err(Exit::Usage)
            }
        }
    }

    fn release(&mut self, student: StudentNumber) -> Result<(), Exit> {
        let done = self.client.act(Act::Release { student })?;
        let devices = counted(done.count() as usize, "device", "devices");
        self.client.tell_act(&done, &format!("{student} is released from {devices}."))
    }

    fn give(&mut self, class: ClassId, teacher: PersonName) -> Result<(), Exit> {
        let done = self.client.act(Act::Give { class, to: teacher })?;
        let was = if done.changed() { "is" } else { "was already" };
        self.client.tell_act(&done, &format!("Class {class} {was} {teacher}'s."))
    }

    fn log(&mut self) -> Result<(), Exit> {
        let (found, attempts) = self.client.list::<ActRecord>()?;
        for ActRecord { number, at, by, name, deed } in found.into_iter().rev() {
            let device = by.map(|by| HEXLOWER.encode(by.as_bytes()));
            if self.client.json() {
                printed(print_json(&ActLine {
                    number: number.get(),
                    at: at.to_rfc3339(),
                    name: name.map(|name| name.to_string()),
                    device,
                    deed: deed.to_string(),
                    attempts,
                }))?;
                continue;
            }
            let who = match (name, device) {
                (Some(name), Some(device)) => format!("{name} ({})", &device[..8]),
                (None, Some(device)) => format!("device {}", &device[..8]),
                (_, None) => "the server's terminal".to_owned(),
            };
            printed(writeln!(io::stdout(), "{number:>4}  {}  {who} {deed}", at.to_local()))?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct InviteLine {
    guest: String,
    invite: String,
    link: String,
    at: String,
    ends_at: String,
    devices: u32,
    attempts: u32,
}

#[derive(Serialize)]
struct PersonLine {
    name: String,
    roles: Vec<&'static str>,
    device: String,
    joined_at: String,
    revoked: bool,
    attempts: u32,
}

#[derive(Serialize)]
struct ActLine {
    number: u64,
    at: String,
    name: Option<String>,
    device: Option<String>,
    deed: String,
    attempts: u32,
}
