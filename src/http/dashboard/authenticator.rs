//! Setting up the authenticator: a picture to scan, the seed to type, and the first code.

use std::fmt::Write as _;

use qrcode::QrCode;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::Answer;
use super::caller::{InWorkspace, go_to};
use super::confirm::ConfirmPage;
use super::form::{Form, FormView};
use super::page::{DashboardPage, Flash, Place};
use super::url::Url;
use crate::http::Problem;
use crate::service::members::Offer;

/// The authenticator, being set up or not.
#[derive(Serialize)]
pub(super) struct AuthenticatorPage {
    form: FormView,
    /// One that waits for its first code.
    offer: Option<OfferView>,
    has_authenticator: bool,
    /// Whether nothing else can be done before.
    must_enrol: bool,
    begin: String,
    remove: String,
    back: String,
}

#[derive(Serialize)]
struct OfferView {
    /// The dark squares of the picture, as the path of an SVG.
    squares: String,
    /// Its width and height in squares, with the rim.
    size: usize,
    /// The seed in groups, to be typed.
    typed: String,
}

/// Squares around the picture that stay light (ISO/IEC 18004).
const RIM: usize = 4;

impl OfferView {
    fn of(offer: &Offer) -> Option<Self> {
        let code = QrCode::new(offer.uri.expose_secret().as_bytes()).ok()?;
        let width = code.width();
        let mut squares = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == qrcode::Color::Dark {
                let _ = write!(squares, "M{} {}h1v1h-1z", at % width + RIM, at / width + RIM);
            }
        }
        Some(Self { squares, size: width + 2 * RIM, typed: offer.typed().expose_secret().to_owned() })
    }
}

impl DashboardPage for AuthenticatorPage {
    const TEMPLATE: &'static str = "dashboard/authenticator.html";
    const PLACE: Place = Place::Account;

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |form, offer, has_authenticator, must_enrol| Self {
            form,
            offer,
            has_authenticator,
            must_enrol,
            begin: Url::NewAuthenticator.to_string(),
            remove: Url::RemoveAuthenticator.to_string(),
            back: Url::Account.to_string(),
        };
        let offer = || {
            let squares = "M4 4h7v7h-7zM14 4h7v7h-7zM4 14h7v7h-7z".to_owned();
            Some(OfferView { squares, size: 25, typed: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ".to_owned() })
        };
        let wrong =
            FormView::new().with_error("code", "That code isn't right. Type the one that the app shows now.");
        vec![
            ("first", page(FormView::new(), offer(), false, true)),
            ("wrong", page(wrong, offer(), false, false)),
            ("none", page(FormView::new(), None, false, false)),
            ("set", page(FormView::new(), None, true, false)),
        ]
    }
}

fn page(desk: &InWorkspace, form: FormView) -> Result<AuthenticatorPage, Problem> {
    let offer = desk.hub.authenticator_offer(&desk.who)?;
    Ok(AuthenticatorPage {
        form,
        offer: offer.as_ref().and_then(OfferView::of),
        has_authenticator: desk.who.member.totp.is_some(),
        must_enrol: desk.who.must_enrol(),
        begin: Url::NewAuthenticator.to_string(),
        remove: Url::RemoveAuthenticator.to_string(),
        back: Url::Account.to_string(),
    })
}

/// `GET /dashboard/account/authenticator`.
pub(super) async fn show_authenticator(desk: InWorkspace) -> Answer {
    Ok(desk.show(&page(&desk, FormView::new())?))
}

/// `POST /dashboard/account/authenticator/new`.
pub(super) async fn begin_authenticator(desk: InWorkspace) -> Answer {
    desk.hub.begin_authenticator(&desk.who).await?;
    Ok(go_to(&Url::Authenticator.to_string()))
}

/// `POST /dashboard/account/authenticator`.
pub(super) async fn confirm_authenticator(desk: InWorkspace, form: Form) -> Answer {
    let first = desk.who.must_enrol();
    match desk.hub.confirm_authenticator(&desk.who, form.raw("code")).await {
        Ok(()) if first => Ok(desk.done(Flash::Welcome, &Url::Dashboard)),
        Ok(()) => Ok(desk.done(Flash::AuthenticatorSet, &Url::Account)),
        Err(error) => Ok(desk.refuse(&page(&desk, form.refused(error)?)?)),
    }
}

/// `GET /dashboard/account/authenticator/remove`.
pub(super) async fn ask_removal(desk: InWorkspace) -> Answer {
    desk.ensure_proven()?;
    let effects = [
        "Your password alone will be enough to sign in.",
        "You can't make API keys or reveal secrets without one.",
    ];
    let action = ("Remove authenticator", &Url::RemoveAuthenticator);
    let title = "Remove your authenticator?".to_owned();
    Ok(desk.show(&ConfirmPage::danger(title, &effects, action, &Url::Authenticator)))
}

/// `POST /dashboard/account/authenticator/remove`.
pub(super) async fn remove_authenticator(desk: InWorkspace) -> Answer {
    desk.hub.remove_authenticator(&desk.who).await?;
    Ok(desk.done(Flash::AuthenticatorRemoved, &Url::Account))
}
