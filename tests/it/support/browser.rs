//! A browser without eyes: it keeps cookies, sends forms and says where it is led. Its people are members of a workspace,
//! who came in by the front door.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use http::Method;
use vouchsafe::clock::Clock as _;
use vouchsafe::secret::Seed;

use super::app::TestApp;

pub(crate) const PASSWORD: &str = "a long and quiet evening";

/// A browser, with the authenticator of whoever sits before it.
pub(crate) struct Browser<'a> {
    app: &'a TestApp,
    cookies: RefCell<BTreeMap<String, String>>,
    headers: Vec<(String, String)>,
    pub(crate) seed: RefCell<Option<Seed>>,
    pub(crate) email: String,
    steps: Cell<i64>,
}

/// What a browser is shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) html: String,
    pub(crate) headers: http::HeaderMap,
}

impl Shown {
    /// A page with this in it.
    #[track_caller]
    pub(crate) fn page(&self, status: u16, text: &str) -> &str {
        assert_eq!(self.status, status, "{:?} {}", self.location, self.html);
        assert!(self.html.contains(text), "no {text:?} in {}", self.html);
        assert_eq!(self.headers["content-type"], "text/html; charset=utf-8");
        &self.html
    }

    /// The way on.
    #[track_caller]
    pub(crate) fn leads_to(&self, location: &str) {
        assert_eq!((self.status, self.location.as_deref()), (303, Some(location)), "{}", self.html);
    }

    /// What a form asks before it takes something away, as its button answers it.
    #[track_caller]
    pub(crate) fn question(&self) -> String {
        self.between("name=\"sure\" value=\"", "\"")
    }

    /// What stands between `before` and `after`.
    #[track_caller]
    pub(crate) fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) =
            self.html.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {}", self.html));
        let (found, _) = rest.split_once(after).unwrap();
        found.replace("&#x2F;", "/").replace("&amp;", "&")
    }
}

impl<'a> Browser<'a> {
    pub(crate) fn new(app: &'a TestApp, email: &str) -> Self {
        Self {
            app,
            cookies: RefCell::default(),
            headers: Vec::new(),
            seed: RefCell::default(),
            email: email.to_owned(),
            steps: Cell::new(0),
        }
    }

    /// The same from another address.
    pub(crate) fn at(mut self, address: &str) -> Self {
        self.headers.push(("x-forwarded-for".to_owned(), address.to_owned()));
        self
    }

    /// The same, sending one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Shown {
        self.send(Method::GET, path, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Shown {
        self.send(Method::POST, path, form).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Shown {
        self.send_for("text/html", method, path, form).await
    }

    /// Sends what a script of the page sends that wants data.
    pub(crate) async fn post_for_data(&self, path: &str) -> Shown {
        self.send_for("application/json", Method::POST, path, &[]).await
    }

    async fn send_for(&self, accept: &str, method: Method, path: &str, form: &[(&str, &str)]) -> Shown {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.app.base_url) };
        let post = method == Method::POST;
        let mut request = self.app.client.request(method, url).header("accept", accept);
        let cookies: Vec<_> = self.cookies.borrow().iter().map(|(n, v)| format!("{n}={v}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if post {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            // Only what comes back from another site may be sent from there.
            let site = if name == "vs_sign_on" { "Lax" } else { "Strict" };
            assert!(cookie.contains(&format!("; HttpOnly; SameSite={site}")), "{cookie}");
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
        Shown {
            status: answer.status().as_u16(),
            location: answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned()),
            headers: answer.headers().clone(),
            html: answer.text().await.unwrap(),
        }
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    /// Puts a value in the place of a cookie's.
    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// A code of the authenticator that was not used yet: the clock goes on where it must.
    pub(crate) fn code(&self) -> String {
        if self.steps.get() > 0 {
            self.app.clock.advance(chrono::TimeDelta::seconds(30));
        }
        self.steps.set(self.steps.get() + 1);
        self.same_code()
    }

    /// The code of the present moment, used or not.
    pub(crate) fn same_code(&self) -> String {
        let seconds = self.app.clock.now().timestamp();
        self.seed.borrow().as_ref().unwrap().code(seconds).unwrap()
    }

    /// Accepts an invitation.
    pub(crate) async fn join(&self, link: &str, name: &str) -> Shown {
        let (_, token) = link.split_once("invitation=").unwrap();
        self.get(link).await.page(200, "name=\"password\"");
        let form =
            [("invitation", token), ("name", name), ("email", self.email.as_str()), ("password", PASSWORD)];
        self.post("/dashboard/join", &form).await
    }

    /// Sets up the authenticator that the account page offers.
    pub(crate) async fn enrol(&self) -> Shown {
        let page = self.get("/dashboard/account/authenticator").await;
        let typed = page.between("<code class=\"seed\">", "</code>").replace(' ', "");
        self.seed.replace(Some(Seed::sealed(typed.into())));
        let code = self.code();
        self.post("/dashboard/account/authenticator", &[("code", code.as_str())]).await
    }

    /// Signs in by password, and by the authenticator where there is one.
    pub(crate) async fn sign_in(&self) -> Shown {
        let form = [("email", self.email.as_str()), ("password", PASSWORD)];
        let answer = self.post("/dashboard/sign-in", &form).await;
        if self.seed.borrow().is_none() {
            return answer;
        }
        answer.leads_to("/dashboard/sign-in/code?next=%2Fdashboard");
        let code = self.code();
        self.post("/dashboard/sign-in/code", &[("code", code.as_str())]).await
    }
}

impl TestApp {
    /// The first owner, with an authenticator, signed in.
    pub(crate) async fn as_owner(&self) -> Browser<'_> {
        self.owner_of("default", "owner@acme.test").await
    }

    /// An owner of another workspace.
    pub(crate) async fn as_foreign_owner(&self) -> Browser<'_> {
        self.owner_of("other", "owner@other.test").await
    }

    async fn owner_of(&self, workspace: &str, email: &str) -> Browser<'_> {
        let link = self.hub.invite_owner(workspace).await.unwrap();
        let browser = Browser::new(self, email);
        browser.join(link.as_str(), "Olive Owner").await.leads_to("/dashboard");
        browser.enrol().await.leads_to("/dashboard");
        browser
    }

    /// Somebody whom `by` invites as `role`; owners and admins with an authenticator.
    pub(crate) async fn as_invited(&self, by: &Browser<'_>, role: &str, email: &str) -> Browser<'_> {
        let shown = by.post("/dashboard/members/invite", &[("email", email), ("role", role)]).await;
        shown.page(200, "Send this link");
        let link =
            shown.between("id=\"value\" tabindex=\"0\" aria-label=\"The invitation’s link\">", "</code>");
        let browser = Browser::new(self, email);
        browser.join(&link, "Sam Invited").await.leads_to("/dashboard");
        if role == "owner" || role == "admin" {
            browser.enrol().await.leads_to("/dashboard");
        }
        browser
    }
}
