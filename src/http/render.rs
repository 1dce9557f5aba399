//! Turns a page's view into HTML: templates, words in the user's language, and asset addresses.
//!
//! It must not know which pages there are or what happens on them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult, Value};

use super::assets::Assets;
use super::files;
use super::strings::{Catalogue, Locale, Piece, StringsError, pieces};

/// A view that has a template.
pub trait Page: Serialize + Sized {
    /// The template's path below `templates/`.
    const TEMPLATE: &'static str;

    /// Views that between them show everything the template can show, each with a name.
    fn samples() -> Vec<(&'static str, Self)>;
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A catalogue is missing or broken.
    #[error("the words of the pages can't be read")]
    Strings(#[from] StringsError),
    /// A template is broken, or it asks for something that its view doesn't have.
    #[error("template `{name}` failed")]
    Template {
        /// The template.
        name: String,
        /// What Tera says, with line and column.
        #[source]
        source: tera::Error,
    },
    /// A template isn't text.
    #[error("template `{0}` can't be read")]
    Unreadable(String),
}

thread_local! {
    /// The language of the page that is being made: Tera tells a function that a component calls nothing of the page.
    static LOCALE: Cell<Locale> = const { Cell::new(Locale::En) };
}

/// All templates, compiled when the first page is asked for: a hub that serves an API alone never holds them.
#[derive(Debug, Default)]
pub struct Renderer {
    assets: Arc<Assets>,
    engine: OnceLock<Tera>,
}

impl Renderer {
    /// Reads the assets.
    pub fn new() -> Self {
        Self { assets: Arc::new(Assets::load()), engine: OnceLock::new() }
    }

    /// Compiles all templates too; an error names the template at fault.
    pub fn load() -> Result<Self, RenderError> {
        let renderer = Self::new();
        renderer.engine()?;
        Ok(renderer)
    }

    /// The assets that the pages refer to.
    pub fn assets(&self) -> &Arc<Assets> {
        &self.assets
    }

    /// The HTML of `page` in `locale`.
    pub fn render<P: Page>(&self, locale: Locale, page: &P) -> Result<String, RenderError> {
        let failed = |source| RenderError::Template { name: P::TEMPLATE.to_owned(), source };
        let mut context = Context::from_serialize(page).map_err(failed)?;
        context.insert("lang", locale.tag());
        LOCALE.set(locale);
        self.engine()?.render(P::TEMPLATE, &context).map_err(failed)
    }

    fn engine(&self) -> Result<&Tera, RenderError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = engine(&self.assets)?;
        Ok(self.engine.get_or_init(|| engine))
    }
}

fn engine(assets: &Arc<Assets>) -> Result<Tera, RenderError> {
    let mut tera = Tera::new();
    let mut catalogues = BTreeMap::new();
    for locale in Locale::ALL {
        catalogues.insert(locale, Catalogue::load(locale)?);
    }
    let catalogues = Arc::new(catalogues);
    let words = Arc::clone(&catalogues);
    tera.register_function("t", move |args: Kwargs, state: &State| -> TeraResult<Value> {
        Ok(Value::safe_string(&markup(&words, &args, state)?))
    });
    tera.register_function("t_plain", move |args: Kwargs, _: &State| plain(&catalogues, &args));
    let assets = Arc::clone(assets);
    tera.register_function("asset_url", move |args: Kwargs, _: &State| -> TeraResult<String> {
        let name: &str = args.must_get("name")?;
        assets.url(name).ok_or_else(|| tera::Error::message(format!("no asset `{name}`")))
    });
    tera.register_filter("json", |value: Value, _: Kwargs, _: &State| -> TeraResult<String> {
        serde_json::to_string(&value).map_err(|error| tera::Error::message(error.to_string()))
    });

    let mut sources = Vec::new();
    for path in files::list("", ".html").into_iter().chain(files::list("mail/", ".txt")) {
        let text = files::read_text(&path).ok_or_else(|| RenderError::Unreadable(path.clone()))?;
        sources.push((path, text));
    }
    // Added together, since templates refer to one another.
    tera.add_raw_templates(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())))
        .map_err(|source| RenderError::Template { name: "templates".to_owned(), source })?;
    Ok(tera)
}

/// What is said in each language.
type Catalogues = BTreeMap<Locale, Catalogue>;

fn text<'a>(catalogues: &'a Catalogues, args: &Kwargs) -> TeraResult<&'a str> {
    let key: &str = args.must_get("key")?;
    let catalogue = catalogues.get(&LOCALE.get());
    catalogue
        .and_then(|catalogue| catalogue.get(key))
        .ok_or_else(|| tera::Error::message(format!("no text `{key}`")))
}

fn argument(args: &Kwargs, name: &str) -> TeraResult<String> {
    let found = args.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value);
    match found {
        Some(value) if !value.is_none() && !value.is_undefined() => Ok(value.to_string()),
        Some(_) | None => Err(tera::Error::message(format!("the text wants `{name}`"))),
    }
}

/// The text as HTML. Each value is escaped and isolated, so that a right-to-left name leaves the sentence in order.
fn markup(catalogues: &Catalogues, args: &Kwargs, state: &State) -> TeraResult<String> {
    let mut html = String::new();
    for piece in pieces(text(catalogues, args)?) {
        match piece {
            Piece::Words(words) => html.push_str(&state.escape(words)?),
            Piece::Placeholder(name) => {
                html.push_str("<bdi>");
                html.push_str(&state.escape(&argument(args, name)?)?);
                html.push_str("</bdi>");
            }
        }
    }
    Ok(html)
}

/// The text for an attribute or a title, escaped where it is put.
fn plain(catalogues: &Catalogues, args: &Kwargs) -> TeraResult<String> {
    let mut said = String::new();
    for piece in pieces(text(catalogues, args)?) {
        match piece {
            Piece::Words(words) => said.push_str(words),
            Piece::Placeholder(name) => said.push_str(&argument(args, name)?),
        }
    }
    Ok(said)
}
