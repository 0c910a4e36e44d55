"""What clients send and get."""

from typing import Annotated, TypedDict

from lback.api import ModelStruct
from msgspec import UNSET, Meta, Struct, UnsetType

from models import Article, Comment, Person

Name = Annotated[str, Meta(min_length=1, max_length=150)]
Text = Annotated[str, Meta(min_length=1)]


class Credentials(Struct):
    """Who signs in, and with what."""

    email: str
    password: str


class NewUser(Credentials):
    """A person who signs up."""

    username: Name


class UserPatch(Struct):
    """What a person changes of the own account."""

    email: str | UnsetType = UNSET
    password: str | UnsetType = UNSET
    username: Name | UnsetType = UNSET
    bio: str | UnsetType = UNSET
    image: str | UnsetType | None = UNSET


class UserOut(ModelStruct, model=Person, include=("email", "username", "bio", "image")):
    """The own account."""

    token: str


class Profile(ModelStruct, model=Person, include=("username", "bio", "image")):
    """What others see of a person."""

    following: bool


class NewArticle(Struct, rename="camel"):
    """An article to publish."""

    title: Name
    description: Text
    body: Text
    tag_list: list[Annotated[str, Meta(min_length=1, max_length=50)]] = []


class ArticlePatch(Struct):
    """What the author changes of an article."""

    title: Name | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    body: Text | UnsetType = UNSET


class Listed(ModelStruct, model=Article, exclude=("id", "author_id", "body"), rename="camel"):
    """An article in a list, without its text."""

    tag_list: list[str]
    favorited: bool
    favorites_count: int
    author: Profile


class ArticleOut(Listed, rename="camel", kw_only=True):
    """An article with its text."""

    body: str


class NewComment(Struct):
    """A comment to add."""

    body: Text


class CommentOut(ModelStruct, model=Comment, exclude=("article_id", "author_id"), rename="camel"):
    """A comment of an article."""

    author: Profile


class Articles(Struct, rename="camel"):
    """A page of articles, and how many match."""

    articles: list[Listed]
    articles_count: int


# What everything is wrapped in.
NewUserBody = TypedDict("NewUserBody", {"user": NewUser})
CredentialsBody = TypedDict("CredentialsBody", {"user": Credentials})
UserPatchBody = TypedDict("UserPatchBody", {"user": UserPatch})
UserAnswer = TypedDict("UserAnswer", {"user": UserOut})
ProfileAnswer = TypedDict("ProfileAnswer", {"profile": Profile})
NewArticleBody = TypedDict("NewArticleBody", {"article": NewArticle})
ArticlePatchBody = TypedDict("ArticlePatchBody", {"article": ArticlePatch})
ArticleAnswer = TypedDict("ArticleAnswer", {"article": ArticleOut})
NewCommentBody = TypedDict("NewCommentBody", {"comment": NewComment})
CommentAnswer = TypedDict("CommentAnswer", {"comment": CommentOut})
CommentsAnswer = TypedDict("CommentsAnswer", {"comments": list[CommentOut]})
TagsAnswer = TypedDict("TagsAnswer", {"tags": list[str]})
