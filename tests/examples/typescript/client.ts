// A client of examples/bookshop_api, whose types are generated from its OpenAPI document.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [, , baseUrl = "", key = ""] = process.argv;
const shop = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

const added = await shop.POST("/api/books", {
  body: { title: "Emma", genre: "novel", cents: 990 },
});
assert.equal(added.response.status, 201);
assert.ok(added.data);
// Fields of answers are there: no check for undefined is needed.
const id: number = added.data.id;
const genre: components["schemas"]["Genre"] = added.data.genre;
assert.equal(genre, "novel");

const listed = await shop.GET("/api/books", { params: { query: { genre: "novel", page: 1 } } });
assert.deepEqual(listed.data?.map((book) => book.title), ["Emma"]);

const changed = await shop.PATCH("/api/books/{book_id}", {
  params: { path: { book_id: id } },
  body: { cents: 1200 },
});
assert.equal(changed.data?.cents, 1200);

const taken = await shop.POST("/api/books", { body: { title: "Emma", genre: "novel", cents: 1 } });
assert.equal(taken.error?.title, "Title taken");

const wrong = await shop.POST("/api/books", { body: { title: "", genre: "novel", cents: -1 } });
assert.ok(wrong.error && "errors" in wrong.error && wrong.error.errors);
assert.deepEqual(wrong.error.errors.map((place) => place.pointer).sort(), ["/cents", "/title"]);

const gone = await shop.DELETE("/api/books/{book_id}", { params: { path: { book_id: id } } });
assert.equal(gone.response.status, 204);
const missing = await shop.GET("/api/books/{book_id}", { params: { path: { book_id: id } } });
assert.equal(missing.error?.status, 404);

// @ts-expect-error  the document has no such path
void shop.GET("/api/authors");
// @ts-expect-error  a book has a title
void (() => shop.POST("/api/books", { body: { genre: "novel", cents: 1 } }));
// @ts-expect-error  this is no genre
void (() => shop.GET("/api/books", { params: { query: { genre: "cooking" } } }));
console.log("client: all calls as documented");
