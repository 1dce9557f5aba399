// Without JavaScript the button does it.
document.getElementById("back").submit();
