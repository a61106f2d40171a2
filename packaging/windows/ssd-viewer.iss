; The installer for Windows: for one user, without administrator's rights. Written with care and not yet tried.
;
;   make bundle                                (on Windows)
;   iscc packaging\windows\ssd-viewer.iss      (Inno Setup 6.3 or newer, jrsoftware.org)
;
; The version is the one the executable carries.

#define Name "ssd-viewer"
#define Exe "ssd-viewer.exe"
#define Bundle AddBackslash(SourcePath) + "..\..\dist\ssd-viewer"
#define Version GetStringFileInfo(Bundle + "\" + Exe, "ProductVersion")
#define App "Software\Classes\Applications\ssd-viewer.exe"
#define Types "Software\Classes\Applications\ssd-viewer.exe\SupportedTypes"

[Setup]
AppId={{5D0C2B7E-8E0B-4C1B-9C0E-6A8E0C7B4F21}
AppName={#Name}
AppVersion={#Version}
AppPublisher=The ssd-viewer authors
DefaultDirName={autopf}\{#Name}
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
ChangesAssociations=yes
CloseApplications=yes
SetupIconFile=..\..\build\icons\ssd-viewer.ico
UninstallDisplayIcon={app}\{#Exe}
OutputDir=..\..\dist
OutputBaseFilename={#Name}-{#Version}-windows-x86_64-setup
Compression=lzma2/max
SolidCompression=yes
WizardStyle=modern

[Tasks]
Name: "desktop"; Description: "An icon on the desktop"; Flags: unchecked

; An update leaves nothing of the older version behind.
[InstallDelete]
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "{#Bundle}\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{autoprograms}\{#Name}"; Filename: "{app}\{#Exe}"
Name: "{autodesktop}\{#Name}"; Filename: "{app}\{#Exe}"; Tasks: desktop

; "Open with" offers it; what opens a file by default stays as it was.
[Registry]
Root: HKA; Subkey: "{#App}"; ValueType: string; ValueName: "FriendlyAppName"; ValueData: "{#Name}"; Flags: uninsdeletekey
Root: HKA; Subkey: "{#App}\shell\open\command"; ValueType: string; ValueName: ""; ValueData: """{app}\{#Exe}"" ""%1"""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mp4"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".m4v"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mov"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mkv"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".webm"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".avi"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mpg"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mpeg"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".ts"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mts"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".m2ts"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".wmv"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".flv"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".3gp"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".ogv"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mjpeg"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".mjpg"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".gif"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".avif"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".bmp"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".dib"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".jp2"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".jpe"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".jpeg"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".jpg"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".pbm"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".pgm"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".png"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".ppm"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".tif"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".tiff"; ValueData: ""
Root: HKA; Subkey: "{#Types}"; ValueType: string; ValueName: ".webp"; ValueData: ""

[Run]
Filename: "{app}\{#Exe}"; Description: "Start {#Name}"; Flags: nowait postinstall skipifsilent

; Settings, models and finished files are not the installer's: uninstalling leaves them.
