"""An upload never becomes a page or a program of the site, whatever it is called."""

import io

import pytest

from lback import forms
from lback.core.http.uploaded_file import UploadedFile
from lback.forms.errors import Invalid


def upload(name: str, content: bytes = b"harmless") -> UploadedFile:
    return UploadedFile(name, "text/plain", io.BytesIO(content), "file", len(content))


@pytest.mark.parametrize(
    "name",
    [
        # what some server runs
        "a.php5", "a.pht", "a.phtml", "a.jspx", "a.jspf", "a.cfm", "a.ashx", "a.asmx", "a.cer",
        "a.shtml", "a.stm", "a.axd", "a.rhtml", "a.erb", "a.lua", "a.tcl", "a.war", "a.inc",
        # what some system runs
        "a.wsf", "a.wsh", "a.pif", "a.cpl", "a.msc", "a.reg", "a.jse", "a.vbe", "a.ps1xml",
        "a.scf", "a.application", "a.gadget", "a.appref-ms", "a.settingcontent-ms", "a.dmg",
        "a.docm", "a.xlsm", "a.iso", "a.apk", "a.command", "a.workflow",
        # what some browser runs
        "a.html::$DATA", "a.html:", "a.xhtml", "a.mht", "a.svg", "a.xml", "a.rdf", "a.atom",
        "a.vtt.html", "a.htm ", "a.html.", "a.eml", "a.swf", "a.webmanifest",
        # no name at all, and names of other places
        "a", "a.", ".htaccess", ".user.ini", "web.config", "a.png:b.html", "a.exe:b.png",
        "a.php::$DATA.png", "a.php:.png", "a.php;.png", "a.php\u0000.png", "a.\u202egnp.exe",
        "a.pn\u0262", "a.png\u200b", "a.\uff50\uff44\uff46",
    ],
)  # fmt: skip
def test_what_might_be_run_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        forms.FileField().clean(upload(name))


@pytest.mark.parametrize(
    "name", ["a.txt", "a.csv", "A.MD", "a.mp3", "a.mp4", "a.7z", "a.odt.txt", "www.bank.com.txt"]
)
def test_what_people_send_is_taken(name: str) -> None:
    assert forms.FileField().clean(upload(name)).filename == name


@pytest.mark.parametrize("content", [b"<html>", b"<script>", b"#!/bin/sh", b"MZ\x90", b"<?php "])
def test_an_allowed_name_hides_no_program(content: bytes) -> None:
    for name in ("a.txt", "a.csv", "a.mp3", "a.log"):
        with pytest.raises(Invalid):
            forms.FileField().clean(upload(name, content))


def test_a_form_that_names_a_kind_takes_that_kind_alone() -> None:
    field = forms.FileField(extensions=["eml"])
    assert field.clean(upload("a.eml")).filename == "a.eml"
    with pytest.raises(Invalid, match="please choose one of eml"):
        field.clean(upload("a.txt"))
