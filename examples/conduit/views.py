"""The views of the API."""

import re
from secrets import token_hex
from typing import Annotated, Any

from lback import Request, Unauthorized, get_object_or_404
from lback.api import Problem, Status, describe
from lback.auth import TokenManager, authenticate
from lback.database import Session
from lback.middleware import csrf_exempt
from lback.users import UserManager
from msgspec import UNSET, Meta, Struct, structs
from sqlalchemy import Select, func, select

import schemas
from models import Article, Comment, Person, Tag

Limit = Annotated[int, Meta(ge=1, le=100)]
Offset = Annotated[int, Meta(ge=0, le=2**31)]


def given(patch: Struct) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(patch).items() if value is not UNSET}


def with_token(person: Person, request: Request, token_manager: TokenManager) -> Any:
    person.token = token_manager.issue(request.db_session, person).access_token
    return {"user": person}


@csrf_exempt
def sign_up(
    request: Request,
    body: schemas.NewUserBody,
    user_manager: UserManager,
    token_manager: TokenManager,
) -> Annotated[schemas.UserAnswer, Status(201)]:
    """Sign up."""
    new = body["user"]
    person = user_manager.register(request.db_session, new.username, new.password, new.email)
    return with_token(person, request, token_manager)


@csrf_exempt
@describe(errors=[401])
def sign_in(
    request: Request, body: schemas.CredentialsBody, token_manager: TokenManager
) -> schemas.UserAnswer:
    """Sign in with an address and a password."""
    person = authenticate(request, body["user"].email, body["user"].password)
    if person is None:
        raise Unauthorized("wrong address or password")
    return with_token(person, request, token_manager)


def current_user(request: Request, token_manager: TokenManager) -> schemas.UserAnswer:
    """Return the own account, with a new token."""
    return with_token(request.user, request, token_manager)


def update_user(
    request: Request,
    body: schemas.UserPatchBody,
    user_manager: UserManager,
    token_manager: TokenManager,
) -> schemas.UserAnswer:
    """Change the own account; a new password ends earlier tokens."""
    person, values = request.user, given(body["user"])
    if values.get("email", person.email) != person.email:
        user_manager.set_email(request.db_session, person, values["email"])
    if "password" in values:
        user_manager.set_password(request.db_session, person, values["password"])
    for name in values.keys() & {"username", "bio", "image"}:
        setattr(person, name, values[name])
    return with_token(person, request, token_manager)


def seen(viewer: Person | None, person: Person) -> Person:
    person.following = viewer is not None and person in viewer.follows
    return person


def profile(request: Request, username: str) -> schemas.ProfileAnswer:
    """Return the profile of a person."""
    person = get_object_or_404(request.db_session, Person, username=username)
    if request.method == "POST":
        request.user.follows.add(person)
    elif request.method == "DELETE":
        request.user.follows.discard(person)
    return {"profile": seen(request.user, person)}


def shown(viewer: Person | None, article: Article) -> Article:
    article.favorited = viewer in article.fans
    seen(viewer, article.author)
    return article


def page(request: Request, rows: Select[Any], limit: int, offset: int) -> Any:
    session = request.db_session
    count = session.scalar(select(func.count()).select_from(rows.subquery()))
    latest = rows.order_by(Article.created_at.desc(), Article.id.desc())
    found = session.scalars(latest.limit(limit).offset(offset))
    return {"articles": [shown(request.user, a) for a in found], "articlesCount": count}


def list_articles(
    request: Request,
    tag: str | None = None,
    author: str | None = None,
    favorited: str | None = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> schemas.Articles:
    """Return the latest articles."""
    wanted = [
        (tag, Article.tags.any(Tag.name == tag)),
        (author, Article.author.has(Person.username == author)),
        (favorited, Article.fans.any(Person.username == favorited)),
    ]
    rules = [rule for value, rule in wanted if value is not None]
    return page(request, select(Article).where(*rules), limit, offset)


def feed(request: Request, limit: Limit = 20, offset: Offset = 0) -> schemas.Articles:
    """Return the latest articles of those whom the user follows."""
    rows = select(Article).where(Article.author_id.in_([p.id for p in request.user.follows]))
    return page(request, rows, limit, offset)


def create_article(
    request: Request, body: schemas.NewArticleBody
) -> Annotated[schemas.ArticleAnswer, Status(201)]:
    """Publish an article."""
    new = structs.asdict(body["article"])
    tags = [Tag(name=name) for name in new.pop("tag_list")]
    words = re.sub(r"[^a-z0-9]+", "-", new["title"].lower())[:150]
    slug = f"{words}-{token_hex(4)}".lstrip("-")
    article = Article(author=request.user, slug=slug, tags=tags, **new)
    request.db_session.add(article)
    return answer(request, article)


def answer(request: Request, article: Article) -> Any:
    return {"article": shown(request.user, article)}


def own(request: Request, row: Any) -> Any:
    if row.author is not request.user:
        raise Problem(403, detail="this is not yours")
    return row


def show_article(request: Request, slug: str) -> schemas.ArticleAnswer:
    """Return an article."""
    return answer(request, get_object_or_404(request.db_session, Article, slug=slug))


def update_article(
    request: Request, slug: str, body: schemas.ArticlePatchBody
) -> schemas.ArticleAnswer:
    """Change an own article."""
    article = own(request, get_object_or_404(request.db_session, Article, slug=slug))
    for name, value in given(body["article"]).items():
        setattr(article, name, value)
    return answer(request, article)


def delete_article(request: Request, slug: str) -> None:
    """Delete an own article."""
    article = get_object_or_404(request.db_session, Article, slug=slug)
    request.db_session.delete(own(request, article))


def favorite(request: Request, slug: str) -> schemas.ArticleAnswer:
    """Add an article to the favorites, or take it from them."""
    article = get_object_or_404(request.db_session, Article, slug=slug)
    change = article.fans.add if request.method == "POST" else article.fans.discard
    change(request.user)
    return answer(request, article)


def list_comments(request: Request, slug: str) -> schemas.CommentsAnswer:
    """Return the comments of an article."""
    article: Any = get_object_or_404(request.db_session, Article, slug=slug)
    for comment in article.comments:
        seen(request.user, comment.author)
    return {"comments": article.comments}


def add_comment(request: Request, slug: str, body: schemas.NewCommentBody) -> schemas.CommentAnswer:
    """Comment on an article."""
    article = get_object_or_404(request.db_session, Article, slug=slug)
    comment: Any = Comment(body=body["comment"].body, author=request.user, article=article)
    request.db_session.add(comment)
    return {"comment": comment}


def delete_comment(request: Request, slug: str, comment_id: int) -> None:
    """Delete an own comment."""
    article = get_object_or_404(request.db_session, Article, slug=slug)
    comment = get_object_or_404(request.db_session, Comment, id=comment_id, article_id=article.id)
    request.db_session.delete(own(request, comment))


def list_tags(db_session: Session) -> schemas.TagsAnswer:
    """Return all tags."""
    return {"tags": list(db_session.scalars(select(Tag.name).distinct().order_by(Tag.name)))}
