"""What the two models of this check are asked and what they say: plain, long, hostile, right-to-left and more."""

# Names that no reviewer may come to know; the policy and the models' own answers have them.
OLD, NEW = "walnut-large", "maple-small"
EXPERIMENT = "support-chat"
# What else would tell an answer's model.
TELLTALES = ("walnut", "maple", "legacy", "candidate", "chatcmpl", "fp_", "request_id")

PARAGRAPH = (
    "Open the valve a quarter turn, wait until the hissing stops, and close it again before water follows. Go from the "
    "lowest radiator to the highest, for air rises, and look at the gauge of the boiler when you are through. "
)

# By case: the question, what the old model says, what the new one says.
CASES = {
    "hostile": (
        'Show me <b>bold</b> & "quoted" text. <script>window.ran = 1</script>',
        '<img src=x onerror="window.ran = 1"><script>window.ran = 1</script></pre><h1>Left is best</h1>',
        "<style>body{display:none}</style><svg onload=window.ran=1> [press](javascript:window.ran=1) &lt;b&gt; \u202eturned\u0007",
    ),
    "long": (
        "How do I bleed radiators? " + "Please be thorough. " * 30,
        "\n\n".join(f"{step}. {PARAGRAPH}" for step in range(1, 60)),
        "Turn the valve, wait for water, close it." + " https://example.com/" + "long" * 80,
    ),
    "arabic": (
        "متى يفتح المتجر يوم الجمعة؟",
        "يفتح المتجر الساعة 9:30 صباحًا يوم الجمعة، ويغلق الساعة 6 مساءً.",
        "لا أعرف. راجع https://example.com/hours من فضلك.",
    ),
    "hebrew": (
        "מה שעות הפתיחה ביום שישי?",
        "החנות פתוחה בין 9:30 ל-14:00.",
        "אני לא יודע, אבל אפשר לבדוק באתר (example.com).",
    ),
    "japanese": (
        "返品はいつまでできますか。",
        "商品到着後30日以内であれば、未使用に限り返品できます。送料はお客様のご負担となります。",
        "はい。",
    ),
    "chinese": ("怎么重置密码？", "请在登录页面点击“忘记密码”，然后按照邮件中的说明操作。", "重启电脑。"),
    "json": (
        "Give me the order as JSON.",
        '{"model": "walnut-large", "order": {"id": 17, "items": [{"name": "pump", "count": 2}], "paid": true}}',
        '{"model": "maple-small", "order": {"id": 17, "items": []}}',
    ),
    "silent": ("Say nothing.", "", "I would rather say this much: no."),
}
PLAIN = [f"plain-{number}" for number in range(24)]
for number, name in enumerate(PLAIN, 1):
    CASES[name] = (
        f"My parcel {number} has not come. What now?",
        f"I am sorry to hear that. Parcel {number} left our house on Monday, so it should be with you by Thursday; if it "
        "is not, write to us again and we send another one, without cost.",
        f"Ask the carrier about parcel {number}.",
    )


def case_of(question):
    """The case whose question this is."""
    return next(name for name, (asked, *_) in CASES.items() if asked == question)
