"""The digest by mail, to a mail server of the test's own."""

from __future__ import annotations

import pytest

from reactions.notices import mail
from reactions.notices.mail import NotSent
from tests.notices.alerts.conftest import Newsroom
from tests.notices.alerts.crowds import Crowd
from tests.notices.digest.mailbox import Mailbox, serving
from tests.web.terminal import Terminal

FROM = "Reader Reactions <reactions@daily.example>"
EDITOR = "Editör <editor@daily.example>"
SEND = ("digest", "daily", "--smtp", "--to", "editor@daily.example")


def send(url: str, *recipients: str, sender: str = FROM) -> dict[str, str]:
    made = mail.message(
        sender=sender,
        recipients=recipients or (EDITOR,),
        subject="The Daily,\nTuesday",
        text="A line.\n.\nAnother – line.\n",
        html="<p>A line</p>",
        now_ms=1_764_052_200_000,
    )
    return mail.send(made, smtp_url=url)


def test_a_mail_has_both_forms_and_says_that_it_is_automatic() -> None:
    with serving(Mailbox()) as mailbox:
        send(f"smtp://localhost:{mailbox.port}")

    (mail,) = mailbox.mails
    assert mailbox.envelopes == [("reactions@daily.example", ["editor@daily.example"])]
    assert (mail["From"], mail["To"], mail["Subject"]) == (FROM, EDITOR, "The Daily, Tuesday")
    assert mail["Date"] == "Tue, 25 Nov 2025 06:30:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == "<mailto:reactions@daily.example?subject=unsubscribe>"
    assert mail["List-Id"] == "<digest.digest.daily.example>"
    assert mail["Message-ID"].endswith("@daily.example>")
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    body = mail.get_body(("plain",))
    assert body
    assert body.get_content().replace("\r\n", "\n") == "A line.\n.\nAnother – line.\n"


def test_subscribers_get_a_mail_each_and_one_that_is_refused_keeps_it_from_nobody(terminal: Terminal, yesterday: Crowd) -> None:
    terminal.do("subscribers", "add", "daily", "ada@daily.example")
    terminal.do("subscribers", "add", "daily", "gone@daily.example")
    terminal.do("subscribers", "add", "daily", "zoe@daily.example")
    with serving(Mailbox(refused=("gone@daily.example",))) as mailbox:
        url = {"smtp_url": f"smtp://localhost:{mailbox.port}", "mail_from": FROM}
        said = terminal.type("digest", "daily", "--smtp", **url)

    assert [mail["To"] for mail in mailbox.mails] == ["ada@daily.example", "zoe@daily.example"]
    assert said.code == 1
    assert "gone@daily.example was refused" in said.err


def test_a_server_that_offers_tls_is_spoken_to_in_it(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with serving(Mailbox(offers_tls=True, password="p:ss"), certificate=certificate) as mailbox:
        send(f"smtp://mailer:p%3Ass@localhost:{mailbox.port}")

    assert mailbox.was_secure == [True]


def test_smtps_is_tls_from_the_start(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with serving(Mailbox(), certificate=certificate, at_once=True) as mailbox:
        send(f"smtps://localhost:{mailbox.port}")

    assert mailbox.was_secure == [True]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_certificate_that_nobody_vouches_for_ends_it(certificate: tuple[str, str], at_once: bool) -> None:
    mailbox, scheme = Mailbox(offers_tls=True), "smtps" if at_once else "smtp"
    with serving(mailbox, certificate=certificate, at_once=at_once), pytest.raises(NotSent, match="certificate verify failed"):
        send(f"{scheme}://localhost:{mailbox.port}")

    assert mailbox.mails == []


def test_a_password_is_not_sent_in_the_open() -> None:
    with serving(Mailbox(password="secret")) as mailbox, pytest.raises(NotSent, match="does not offer STARTTLS"):
        send(f"smtp://mailer:secret@localhost:{mailbox.port}")


def test_a_wrong_password_is_said_to_be(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    mailbox = Mailbox(offers_tls=True, password="secret")
    with serving(mailbox, certificate=certificate), pytest.raises(NotSent, match="localhost answered 535: wrong password"):
        send(f"smtp://mailer:guess@localhost:{mailbox.port}")


def test_letters_that_the_protocol_has_not_are_refused_in_words(
    certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    mailbox = Mailbox(offers_tls=True, password="pä")
    with serving(mailbox, certificate=certificate), pytest.raises(NotSent, match="supports only ASCII"):
        send(f"smtp://mailer:p%C3%A4@localhost:{mailbox.port}")


def test_one_refused_recipient_is_named_and_the_others_get_theirs() -> None:
    with serving(Mailbox(refused=("gone@daily.example",))) as mailbox:
        refused = send(f"smtp://localhost:{mailbox.port}", "gone@daily.example", EDITOR)
        assert refused == {"gone@daily.example": "gone@daily.example was refused: 550 no such person."}
        with pytest.raises(NotSent, match=r"gone@daily\.example was refused"):
            send(f"smtp://localhost:{mailbox.port}", "gone@daily.example")

    assert mailbox.envelopes == [("reactions@daily.example", ["editor@daily.example"])]


@pytest.mark.parametrize("recipient", ["", "editor", "a@b@c", "e@daily.example\r\nBcc: x@y.example", "a@x.example, b@y.example"])
def test_what_is_no_address_gets_no_mail(recipient: str) -> None:
    with pytest.raises(NotSent, match="is not a mail address"):
        send("smtp://localhost:9", recipient)


def test_a_server_that_is_away_is_said_to_be() -> None:
    with pytest.raises(NotSent, match=r"localhost could not be reached: .*Connection refused"):
        send("smtp://localhost:9")


def test_the_command_sends_yesterday(newsroom: Newsroom, yesterday: Crowd, terminal: Terminal) -> None:
    with serving(Mailbox()) as mailbox:
        url = f"smtp://localhost:{mailbox.port}"
        said = terminal.type(
            *SEND, "--to", "a@x.example, b@y.example", smtp_url=url, mail_from=FROM, public_url="https://reactions.example"
        )

    assert (said.code, said.out, said.err) == (0, "", "Sent to editor@daily.example, a@x.example, b@y.example.\n")
    (mail,) = mailbox.mails
    assert mail["Subject"] == "The Daily, Tuesday: 134 reactions"
    plain, html = (part.get_content() for part in mail.iter_parts())
    link = "https://reactions.example/dashboard?from=2025-11-25&to=2025-11-25"
    assert f"More: {link}" in plain
    assert link.replace("&", "&amp;") in html


def test_one_refused_recipient_does_not_hide_that_the_others_have_it(
    newsroom: Newsroom, yesterday: Crowd, terminal: Terminal
) -> None:
    with serving(Mailbox(refused=("gone@x.example",))) as mailbox:
        url = f"smtp://localhost:{mailbox.port}"
        unsubscribe = "https://daily.example/no-more"
        said = terminal.type(*SEND, "--to", "Gone <gone@x.example>", smtp_url=url, mail_from=FROM, mail_unsubscribe=unsubscribe)

    assert said.code == 1
    assert said.err.splitlines()[0] == "Sent to editor@daily.example."
    assert "gone@x.example was refused: 550 no such person." in said.err
    assert "not sent" not in said.err
    (mail,) = mailbox.mails
    assert mail["List-Unsubscribe"] == "<https://daily.example/no-more>"
    assert mail["List-Id"] == "<daily.digest.daily.example>"


def test_the_command_writes_to_files_and_to_the_terminal(newsroom: Newsroom, yesterday: Crowd, terminal: Terminal) -> None:
    html, text = terminal.folder / "d.html", terminal.folder / "d.txt"

    assert terminal.do("digest", "daily").startswith("The Daily, Tuesday, 25 November 2025\n")
    assert terminal.do("digest", "daily", "--html", str(html), "--text", str(text)) == ""
    assert html.read_text().startswith("<!DOCTYPE html>")
    assert text.read_text() == terminal.do("digest", "daily", "--text", "-")
    assert terminal.do("digest", "daily", "--html", "-") == html.read_text()
    assert "Monday, 24 November 2025" in terminal.do("digest", "daily", "--day", "2025-11-24")


def test_what_the_command_cannot_do_it_says_in_a_line(newsroom: Newsroom, terminal: Terminal) -> None:
    assert terminal.fail(*SEND) == "Mail needs the settings smtp_url and mail_from."
    unreachable = {"smtp_url": "smtp://localhost:9", "mail_from": FROM}
    assert terminal.fail(*SEND, **unreachable).startswith("The digest was not sent. localhost could not be reached")
    assert "Name a recipient" in terminal.type(*SEND[:3], **unreachable).err
    assert terminal.fail("digest", "herald") == "There is no site 'herald'."
    assert "still to come" in terminal.fail("digest", "daily", "--day", "2031-01-01")
    assert "smtp_url: Write it as" in terminal.fail(*SEND, smtp_url="mail.example.org")
    assert "mail_from: Write it as" in terminal.fail(*SEND, mail_from="the editors")
