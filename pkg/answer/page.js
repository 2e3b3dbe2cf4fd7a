(function () {
  "use strict";
  var found = /^#token=([A-Za-z0-9_-]{1,200})$/.exec(location.hash);
  var field = document.getElementById("token");
  if (found && field) {
    field.value = found[1];
    history.replaceState(null, "", location.pathname + location.search);
    document.getElementById("token-row").hidden = true;
  }
})();
