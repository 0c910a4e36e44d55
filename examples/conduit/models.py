"""People who write articles, favour those of others and follow each other."""

from datetime import datetime

from lback.database import Base, utc_now
from lback.users import Account
from sqlalchemy import Column, ForeignKey, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship


def pairs(name: str, **columns: str) -> Table:
    """Return a table that relates rows of two tables, each pair once."""
    return Table(
        name,
        Base.metadata,
        *(
            Column(column, ForeignKey(target, ondelete="CASCADE"), primary_key=True, index=True)
            for column, target in columns.items()
        ),
    )


follows = pairs("follows", follower_id="people.id", followed_id="people.id")
favorites = pairs("favorites", person_id="people.id", article_id="articles.id")


class Person(Account, Base):
    """Who signs in."""

    __tablename__ = "people"

    # For the person who looks; set by views.
    token = ""
    following = False

    bio: Mapped[str] = mapped_column(Text, default="")
    image: Mapped[str | None] = mapped_column(String(500))
    follows: Mapped[set["Person"]] = relationship(
        secondary=follows,
        primaryjoin=lambda: Person.id == follows.c.follower_id,
        secondaryjoin=lambda: Person.id == follows.c.followed_id,
    )


class Tag(Base):
    """A word that an article is found by."""

    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(
        ForeignKey("articles.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(50), index=True)


class Article(Base):
    """What a person wrote."""

    __tablename__ = "articles"

    favorited = False  # by the person who looks; set by views

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(200), unique=True)
    title: Mapped[str] = mapped_column(String(150))
    description: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    author_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    author: Mapped[Person] = relationship(lazy="selectin")
    tags: Mapped[list[Tag]] = relationship(cascade="all, delete-orphan", lazy="selectin")
    fans: Mapped[set[Person]] = relationship(secondary=favorites, lazy="selectin")
    comments: Mapped[list["Comment"]] = relationship(
        back_populates="article", cascade="all, delete-orphan", order_by="Comment.id"
    )

    @property
    def tag_list(self) -> list[str]:
        """The names of its tags."""
        return sorted(tag.name for tag in self.tags)

    @property
    def favorites_count(self) -> int:
        """How many people favour it."""
        return len(self.fans)


class Comment(Base):
    """An answer to an article."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"), index=True)
    article: Mapped[Article] = relationship(back_populates="comments")
    author_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    author: Mapped[Person] = relationship(lazy="selectin")
