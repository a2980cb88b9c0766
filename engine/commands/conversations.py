"""What the demonstration's clients write: the cases that a support team asks about first. All numbers are fictional."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One message of a sample client."""

    name: str | None
    phone: str | None
    # Messages with the same word here come from the same chat.
    conversation: str
    text: str
    # What to watch for; shown beside the name.
    note: str = ""
    # Why nothing is sent, where that is so.
    silent: str = ""
    # Set to send the same message again, as networks do.
    message_id: str | None = None


CONVERSATIONS = (
    Sample(
        "Jackson",
        "+254700000101",
        "jackson",
        "I have issues with my 3CX, I can't make outbound calls",
        message_id="3A9F01",
    ),
    Sample(
        "Jackson",
        "+254700000101",
        "jackson",
        "I have issues with my 3CX, I can't make outbound calls",
        note="the network delivers the same message again",
        silent="it was accepted before, and nothing is said twice",
        message_id="3A9F01",
    ),
    Sample(
        "Jackson",
        "+254700000101",
        "jackson",
        "now ALL PHONES ARE DOWN, we are losing customers!!",
        note="the same chat: joins the thread, raises the priority, no second acknowledgement",
    ),
    Sample(
        "Wanjiru",
        "+254700000102",
        "wanjiru",
        "Wateja wanapiga lakini hawatusikii, sauti haisikiki upande mmoja",
        note="answered in Swahili, because she writes in Swahili",
    ),
    Sample(
        "Amina", "+254700000103", "amina", "Good morning, both SIP trunks are unregistered after the power blackout"
    ),
    Sample(None, "+254700000104", "nameless", "wifi is very slow today, kindly check", note="no profile name"),
    Sample("Peter", None, "hidden", "I forgot my password and the portal locked me out", note="hidden number"),
    Sample(
        "Grace",
        "+254700000105",
        "grace",
        "Please send the invoice for October, @channel https://example.org/x",
        note="cannot mention anyone on Mattermost",
    ),
    Sample("Otieno", "+254700000106", "otieno", "How much for 20 new extensions? We are opening a branch"),
    Sample("Fatuma", "+254700000107", "fatuma", "😡😡😡", note="nothing is ever dropped"),
    Sample("Brian", "+254700000108", "brian", "Hi", note="a greeting waits for an answer too"),
    Sample("Brian", "+254700000108", "brian", "the voicemail on ext 204 is not working", note="the same chat"),
    Sample(
        "Mercy",
        "+254700000109",
        "mercy",
        "Asante sana, have a nice day 🙏",
        note="only thanks",
        silent="the rule `thanks` neither acknowledges nor escalates",
    ),
)
