"""Fixtures: the book of the spec in spec/, its subject and its pages, made once."""

import pytest

from codegen.book.markup import Page
from codegen.book.pages import make_pages
from codegen.book.site import read_subject
from codegen.book.subject import Subject
from codegen.image.tree import Tree
from tests.lib.support import ROOT


@pytest.fixture(scope="session")
def subject() -> Subject:
    return read_subject(Tree(ROOT))


@pytest.fixture(scope="session")
def pages(subject: Subject) -> dict[str, Page]:
    return {page.name: page for page in make_pages(subject)}
